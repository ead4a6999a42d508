/** Many calls at once become one run. */
export interface Coalesced {
  /**
   * Resolves when a run that began at this call or later has ended. One that has begun already may have looked too early for this caller; one that only waits
   * for its turn has not looked yet.
   */
  readonly run: () => Promise<void>;
  /** A run will begin that has not yet. */
  readonly isWaiting: () => boolean;
}

export function coalesced(work: () => Promise<void>): Coalesced {
  let underWay: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  return {
    isWaiting: () => next !== undefined,
    run() {
      next ??= (async () => {
        await underWay?.catch(() => {});
        underWay = next;
        next = undefined;
        await work();
      })();
      return next;
    },
  };
}
