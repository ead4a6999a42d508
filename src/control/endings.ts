/** Waiting for the end of operations. */
export interface Endings {
  /** Resolves at `tell(id)`, after `waitMs`, or when the signal fires. `hasEnded` is asked once, after the wait has begun, so that no end is missed. */
  wait(id: string, waitMs: number, signal: AbortSignal | undefined, hasEnded: () => Promise<boolean>): Promise<void>;
  tell(id: string): void;
  tellAll(): void;
}

export function makeEndings(): Endings {
  const waiting = new Map<string, Set<() => void>>();

  function tell(id: string): void {
    const wakers = waiting.get(id);
    waiting.delete(id);
    for (const wake of wakers ?? []) wake();
  }

  return {
    async wait(id, waitMs, signal, hasEnded) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const wakers = waiting.get(id) ?? new Set();
      waiting.set(id, wakers.add(resolve));
      const timer = setTimeout(resolve, waitMs);
      signal?.addEventListener('abort', () => resolve(), { once: true });
      if (signal?.aborted === true || (await hasEnded())) resolve();
      await promise;
      clearTimeout(timer);
      wakers.delete(resolve);
      if (wakers.size === 0 && waiting.get(id) === wakers) waiting.delete(id);
    },
    tell,
    tellAll() {
      for (const id of waiting.keys()) tell(id);
    },
  };
}
