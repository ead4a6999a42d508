/**
 * Work that costs much, a few pieces at a time. Each lane (a person at an address) has at most one piece running, and lanes take turns: who asks a
 * hundred times waits for the ninety-nine others of their own, not everybody else.
 */
import { fault } from '../../core/errors.ts';

export interface FairQueue {
  /** Runs `work` when it is its turn. Throws `too-many-tries` at once when too much is waiting already. */
  run<T>(lane: string, work: () => Promise<T>): Promise<T>;
}

export interface FairQueueOptions {
  readonly maxRunning: number;
  /** Beyond it everybody is turned away: what waits holds a connection and some memory each. */
  readonly maxWaiting: number;
  /** So that one lane cannot fill the whole queue. */
  readonly maxWaitingInLane: number;
}

export function makeFairQueue({ maxRunning, maxWaiting, maxWaitingInLane }: FairQueueOptions): FairQueue {
  /** In order of turn: a lane that has been served goes to the end. A lane is there as long as something of it waits or runs. */
  const lanes = new Map<string, { readonly jobs: (() => Promise<void>)[]; isRunning: boolean }>();
  let running = 0;
  let waiting = 0;

  function next(): void {
    for (const [name, lane] of lanes) {
      if (running >= maxRunning) return;
      if (lane.isRunning) continue;
      const job = lane.jobs.shift();
      if (job === undefined) continue;
      lane.isRunning = true;
      running += 1;
      waiting -= 1;
      void job().finally(() => {
        lane.isRunning = false;
        running -= 1;
        lanes.delete(name);
        if (lane.jobs.length > 0) lanes.set(name, lane);
        next();
      });
    }
  }

  return {
    run<T>(name: string, work: () => Promise<T>): Promise<T> {
      const lane = lanes.get(name) ?? { jobs: [], isRunning: false };
      if (waiting >= maxWaiting || lane.jobs.length >= maxWaitingInLane) {
        return Promise.reject(
          fault('too-many-tries', 'too many sign-ins are waiting at this moment; try again in a few seconds', {
            details: { retryAfterSeconds: 5 },
          }),
        );
      }
      lanes.set(name, lane);
      waiting += 1;
      return new Promise<T>((resolve, reject) => {
        lane.jobs.push(() => work().then(resolve, reject));
        next();
      });
    },
  };
}
