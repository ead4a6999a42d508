/** Work in order: one thing at a time for each server, and no more heavy work at once than the host bears. */

export interface Lanes {
  /** Runs `work` when everything that was given for `key` before has ended, well or badly. */
  inLane<T>(key: string, work: () => Promise<T>): Promise<T>;
  /** Whether something is under way or waiting for `key`. */
  isBusy(key: string): boolean;
  /** Resolves when nothing is left. */
  idle(): Promise<void>;
}

export function makeLanes(): Lanes {
  const tails = new Map<string, Promise<unknown>>();
  return {
    inLane<T>(key: string, work: () => Promise<T>): Promise<T> {
      const before = tails.get(key) ?? Promise.resolve();
      const result = before.then(work, work);
      const tail = result.then(
        () => {},
        () => {},
      );
      tails.set(key, tail);
      void tail.then(() => {
        if (tails.get(key) === tail) tails.delete(key);
      });
      return result;
    },
    isBusy: (key) => tails.has(key),
    async idle() {
      while (tails.size > 0) await Promise.all(tails.values());
    },
  };
}

/** At most `slots` of the works given to it run at once; the rest wait their turn. */
export function makeGate(slots: number): <T>(work: () => Promise<T>) => Promise<T> {
  let free = slots;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}
