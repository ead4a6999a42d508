/** Makes one server match the store: the deeds that `core/reconcile` names, done in the server's own lane. */
import { unreachable } from '../base/brand.ts';
import { Fault, messageOf } from '../base/fault.ts';
import { nextStep, type Step } from '../core/reconcile.ts';
import { instanceNameOf } from '../engines/engine.ts';
import type { ServerRecord } from '../store/servers.ts';
import type { Lanes } from './lanes.ts';
import { initialPasswordName } from './servers/creation.ts';
import { finishDrop } from './servers/dropping.ts';
import type { ServerParts } from './servers/settings.ts';

export interface Settling {
  /** Whether an operation is at work on it, or something waits in its lane. */
  isBusy(record: ServerRecord): Promise<boolean>;
  /** By the world's last look at it. Leaves a busy server alone. What goes wrong becomes the server's problem. */
  settle(record: ServerRecord): Promise<void>;
}

export function makeSettling(parts: ServerParts, lanes: Lanes, signal: AbortSignal): Settling {
  const { store, world, events, log } = parts;

  async function isBusy(record: ServerRecord): Promise<boolean> {
    if (lanes.isBusy(record.generation)) return true;
    return (await store.operations.list({ generation: record.generation, states: ['pending', 'running'], limit: 1 })).length > 0;
  }

  async function settleInLane(generation: ServerRecord['generation']): Promise<void> {
    const record = await store.servers.byGeneration(generation);
    if (record === undefined || signal.aborted) return;
    try {
      // Looked at again: the whole look may be older than what an operation has done since.
      const { seen } = await world.refreshOne(record, signal);
      await take(nextStep(record.wanted, seen), record, parts, signal);
    } catch (error) {
      if (signal.aborted || (error instanceof Fault && error.code === 'engine-unavailable')) return;
      log.warn({ id: record.id, error: messageOf(error) }, 'a server could not be made to match the store');
      await store.servers.setProblem(generation, messageOf(error)).catch(() => {});
    }
    events.emit({ kind: 'server', id: record.id, generation });
  }

  return {
    isBusy,
    async settle(record) {
      const step = nextStep(record.wanted, world.seenOf(record.generation));
      if (step.kind === 'nothing' && record.problem === undefined) return;
      if (await isBusy(record)) return;
      await lanes.inLane(record.generation, async () => await settleInLane(record.generation));
    },
  };
}

async function take(step: Step, record: ServerRecord, parts: ServerParts, signal: AbortSignal): Promise<void> {
  const { store, engine, world } = parts;
  const { id, generation } = record;
  switch (step.kind) {
    case 'nothing':
      if (world.seenOf(generation) !== 'unknown') await store.servers.setProblem(generation, undefined);
      return;
    case 'create':
      // A creation without its operation was cut off in its undoing: nobody waits for the server any more, so the undoing is what is left to do.
      await store.servers.setWanted(generation, 'dropping');
      await finishDrop(parts, record);
      return;
    case 'drop':
      await finishDrop(parts, record);
      return;
    case 'conclude-create':
      await store.atomically(async (tables) => {
        await tables.servers.setWanted(generation, 'running');
        await tables.keyring.remove(initialPasswordName(generation));
      });
      return;
    case 'start':
      await engine.start(instanceNameOf(id, generation), signal);
      break;
    case 'stop':
      await engine.stop(instanceNameOf(id, generation), parts.settings.stopGraceMs, signal);
      break;
    case 'report-missing':
      await store.servers.setProblem(
        generation,
        `the engine has no instance of it any more: it was removed there, not by myserver; "myserver drop ${id}" gives the ID back`,
      );
      return;
    default:
      unreachable(step);
  }
  await world.refreshOne(record);
  await store.servers.setProblem(generation, undefined);
}
