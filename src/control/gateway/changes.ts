/** A number that grows when something has changed, and waiting for it to grow: for whoever then looks at everything again. */
export interface Changes {
  bump(): void;
  /** Resolves with the number when it is larger than `after`, or when `waitMs` is over or the signal fires. */
  wait(after: number, waitMs: number, signal?: AbortSignal): Promise<number>;
}

/** `first` must be another after each restart, so that a number of a former life is seen to be one: the time will do. */
export function makeChanges(first: number): Changes {
  let number = first;
  const waiting = new Set<() => void>();

  return {
    bump() {
      number += 1;
      for (const wake of waiting) wake();
    },
    async wait(after, waitMs, signal) {
      // A number from before a restart of ours: there may have been changes that nobody told of.
      if (number !== after) return number;
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.add(resolve);
      const timer = setTimeout(resolve, waitMs);
      const onAbort = () => resolve();
      signal?.addEventListener('abort', onAbort, { once: true });
      if (signal?.aborted === true) resolve();
      await promise;
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      waiting.delete(resolve);
      return number;
    },
  };
}
