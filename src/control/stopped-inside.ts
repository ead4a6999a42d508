/**
 * Servers that stopped without being told. Shut down from inside, a server shall stay down; but the same is seen when the whole engine goes down with its
 * host, and then it shall come back. So belief waits: if the engine still answers after a while and the server still is down, it was meant.
 */
import { messageOf } from '../base/fault.ts';
import type { Generation } from '../core/ids.ts';
import type { ServerRecord } from '../store/servers.ts';
import { controlItself, originOf } from './caller.ts';
import type { ServerParts } from './servers/settings.ts';
import type { Settling } from './settling.ts';

export interface StoppedInside {
  notice(record: ServerRecord): void;
  /** It runs again, or something else is wanted of it. */
  forget(generation: Generation): void;
  isWaitingFor(generation: Generation): boolean;
  stop(): void;
}

export function makeStoppedInside(parts: ServerParts, settling: Settling, signal: AbortSignal): StoppedInside {
  const { store, world, rules, events, log, settings } = parts;
  const waiting = new Map<Generation, NodeJS.Timeout>();

  async function believe(generation: Generation): Promise<void> {
    waiting.delete(generation);
    const record = await store.servers.byGeneration(generation);
    if (record === undefined || record.wanted !== 'running' || (await settling.isBusy(record))) return;
    const { seen } = await world.refreshOne(record, signal);
    if (seen !== 'stopped') return;
    await store.servers.setWanted(generation, 'stopped');
    const server = { id: record.id, generation };
    await store.audit.append({ ...originOf(controlItself), deed: 'stop', server, allowed: true, detail: 'shut down from inside' });
    events.emit({ kind: 'server', ...server });
    await rules.settle();
  }

  return {
    notice({ generation }) {
      if (waiting.has(generation)) return;
      const timer = setTimeout(() => {
        believe(generation).catch((error: unknown) => {
          if (!signal.aborted) log.warn({ error: messageOf(error) }, 'a server that stopped by itself could not be looked at');
        });
      }, settings.stoppedInsideMs);
      waiting.set(generation, timer);
    },
    forget(generation) {
      clearTimeout(waiting.get(generation));
      waiting.delete(generation);
    },
    isWaitingFor: (generation) => waiting.has(generation),
    stop() {
      for (const timer of waiting.values()) clearTimeout(timer);
      waiting.clear();
    },
  };
}
