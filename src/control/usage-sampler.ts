/** Looks now and then at what each running server uses, and keeps a day of it. It gives way: never more than a tenth of its time is spent asking the engine. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import type { Service } from '../base/service.ts';
import { type Engine, instanceNameOf } from '../engines/engine.ts';
import type { UsageSample } from '../store/records.ts';
import type { Store } from '../store/store.ts';
import type { World } from './world.ts';

export interface UsageSamplerOptions {
  readonly store: Store;
  readonly engine: Pick<Engine, 'usage'>;
  readonly world: Pick<World, 'seenOf'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Between the beginnings of two rounds; five minutes where nothing is said. */
  readonly everyMs?: number;
}

export interface UsageSampler extends Service {
  /** One round. Throws what store and engine throw. */
  sample(): Promise<void>;
}

export const usageEveryMs = 300_000;
export const usageKeptMs = 86_400_000;
/** After a start there is enough else to do. */
const firstMs = 15_000;
/** So many times as long as an answer took, nothing more is asked. */
const restFactor = 9;

export function makeUsageSampler({ store, engine, world, clock, log, everyMs = usageEveryMs }: UsageSamplerOptions): UsageSampler {
  const stopping = new AbortController();
  const { signal } = stopping;
  let running = Promise.resolve();

  async function pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal, ref: false }).catch(() => {});
  }

  async function sample(): Promise<void> {
    const samples: UsageSample[] = [];
    for (const { id, generation } of await store.servers.list()) {
      if (signal.aborted) return;
      if (world.seenOf(generation) !== 'running') continue;
      const beganMs = performance.now();
      const usage = await engine.usage(instanceNameOf(id, generation), signal);
      if (usage !== undefined) samples.push({ generation, atMs: clock.now(), ...usage, diskBytes: usage.diskBytes });
      await pause(restFactor * (performance.now() - beganMs));
    }
    await store.usage.add(samples);
    await store.usage.prune(clock.now() - usageKeptMs);
  }

  async function forever(): Promise<void> {
    let isTold = false;
    await pause(Math.min(firstMs, everyMs));
    while (!signal.aborted) {
      const beganMs = performance.now();
      try {
        await sample();
        isTold = false;
      } catch (error) {
        if (!isTold && !signal.aborted) log.warn({ error: messageOf(error) }, 'what servers use could not be looked at');
        isTold = true;
      }
      await pause(Math.max(1000, everyMs - (performance.now() - beganMs)));
    }
  }

  return {
    name: 'usage sampler',
    sample,
    start() {
      running = forever();
      return Promise.resolve();
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
