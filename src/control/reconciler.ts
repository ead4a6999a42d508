/**
 * Makes the world match the store: at start, at every event of the engine, and every minute because events can be missed. It decides with
 * `core/reconcile`, leaves alone whatever an operation is working on, and may run at any time and any number of times.
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { Fault, messageOf } from '../base/fault.ts';
import type { Service } from '../base/service.ts';
import { nextStep, type Step } from '../core/reconcile.ts';
import type { SeenState } from '../core/server.ts';
import { instanceNameOf } from '../engines/engine.ts';
import type { ServerRecord } from '../store/servers.ts';
import { controlItself, originOf } from './caller.ts';
import type { Lanes } from './lanes.ts';
import { finishDrop } from './servers/dropping.ts';
import type { ServerParts } from './servers/settings.ts';

/** A whole look at everything. Longer, and a rule deleted by hand stays away longer. */
const periodMs = 30_000;
/** While the engine is away. */
const retryMs = 1000;
/**
 * A server that stopped without being told was shut down from inside, unless the whole engine is going down with its host: then it is away before this
 * time is over, and the servers that ran come back with it.
 */
const stoppedInsideMs = 8000;

export interface Reconciler extends Service {
  /** One whole pass now. Resolves when it is through; a failed one is logged and tried again by itself. */
  pass(): Promise<void>;
}

export interface ReconcilerParts extends ServerParts {
  readonly lanes: Lanes;
  readonly clock: Clock;
  readonly log: Log;
}

export function makeReconciler(parts: ReconcilerParts): Reconciler {
  const { store, engine, world, rules, events, log, lanes } = parts;
  const ending = new AbortController();
  const stoppedInside = new Map<string, NodeJS.Timeout>();
  let timer: NodeJS.Timeout | undefined;
  let underWay: Promise<void> | undefined;

  async function isBusy(record: ServerRecord): Promise<boolean> {
    if (lanes.isBusy(record.generation)) return true;
    return (await store.operations.list({ generation: record.generation, states: ['pending', 'running'], limit: 1 })).length > 0;
  }

  async function take(step: Step, record: ServerRecord): Promise<void> {
    const name = instanceNameOf(record.id, record.generation);
    switch (step.kind) {
      case 'nothing':
        if (record.problem !== undefined && world.seenOf(record.generation) !== 'unknown')
          await store.servers.setProblem(record.generation, undefined);
        return;
      case 'create':
      case 'drop':
        // A creation without its operation was cut off in its undoing: nobody waits for the server any more, so the undoing is what is left to do.
        if (step.kind === 'create') await store.servers.setWanted(record.generation, 'dropping');
        await finishDrop(parts, record);
        return;
      case 'conclude-create':
        await store.servers.setWanted(record.generation, 'running');
        return;
      case 'start':
        await engine.start(name, ending.signal);
        break;
      case 'stop':
        await engine.stop(name, parts.settings.stopGraceMs, ending.signal);
        break;
      case 'report-missing':
        await store.servers.setProblem(
          record.generation,
          `the engine has no instance of it any more: it was removed there, not by myserver; "myserver drop ${record.id}" gives the ID back`,
        );
        return;
    }
    await world.refreshOne(record);
    await store.servers.setProblem(record.generation, undefined);
  }

  async function settle(record: ServerRecord, seen: SeenState): Promise<void> {
    const step = nextStep(record.wanted, seen);
    if (step.kind === 'nothing' && record.problem === undefined) return;
    if (await isBusy(record)) return;
    await lanes.inLane(record.generation, async () => {
      const now = await store.servers.byGeneration(record.generation);
      if (now === undefined || ending.signal.aborted) return;
      try {
        await take(nextStep(now.wanted, world.seenOf(now.generation)), now);
      } catch (error) {
        if (ending.signal.aborted || (error instanceof Fault && error.code === 'engine-unavailable')) return;
        log.warn({ id: now.id, error: messageOf(error) }, 'a server could not be made to match the store');
        await store.servers.setProblem(now.generation, messageOf(error)).catch(() => {});
      }
      events.emit({ kind: 'server', id: now.id, generation: now.generation });
    });
  }

  async function everything(): Promise<void> {
    const before = world.trouble();
    const comparison = await world.refresh(ending.signal);
    if (comparison.isMismatch) {
      log.error(
        { strangers: comparison.strangers.length },
        'the engine holds servers of another installation and none of this one: nothing is changed',
      );
      return;
    }
    await rules.check();
    const records = await store.servers.list();
    for (const record of records) {
      if (before !== undefined) events.emit({ kind: 'server', id: record.id, generation: record.generation });
      if (!stoppedInside.has(record.generation)) await settle(record, world.seenOf(record.generation));
    }
  }

  function schedule(afterMs: number): void {
    clearTimeout(timer);
    if (!ending.signal.aborted) timer = setTimeout(() => void pass(), afterMs);
  }

  async function pass(): Promise<void> {
    underWay ??= everything()
      .then(() => schedule(periodMs))
      .catch((error: unknown) => {
        if (!ending.signal.aborted) log.warn({ error: messageOf(error) }, 'a pass of the reconciler failed; it is tried again');
        schedule(retryMs);
      })
      .finally(() => {
        underWay = undefined;
      });
    await underWay;
  }

  /** One server changed at the engine. */
  async function look(record: ServerRecord): Promise<void> {
    const { seen, isChanged } = await world.refreshOne(record, ending.signal);
    if (isChanged) events.emit({ kind: 'server', id: record.id, generation: record.generation });
    if (record.wanted !== 'running' || seen !== 'stopped') {
      clearTimeout(stoppedInside.get(record.generation));
      stoppedInside.delete(record.generation);
      if (seen !== 'unknown') await settle(record, seen);
      return;
    }
    if (stoppedInside.has(record.generation) || (await isBusy(record))) return;
    stoppedInside.set(
      record.generation,
      setTimeout(() => void believeStopped(record), stoppedInsideMs),
    );
  }

  async function believeStopped({ generation }: ServerRecord): Promise<void> {
    stoppedInside.delete(generation);
    try {
      const record = await store.servers.byGeneration(generation);
      if (record === undefined || record.wanted !== 'running' || (await isBusy(record))) return;
      const { seen } = await world.refreshOne(record, ending.signal);
      if (seen !== 'stopped') return;
      await store.servers.setWanted(generation, 'stopped');
      const server = { id: record.id, generation };
      await store.audit.append({ ...originOf(controlItself), deed: 'stop', server, allowed: true, detail: 'shut down from inside' });
      events.emit({ kind: 'server', ...server });
    } catch (error) {
      if (!ending.signal.aborted) log.warn({ error: messageOf(error) }, 'a server that stopped by itself could not be looked at');
    }
  }

  async function onEngineEvent(name: string | undefined): Promise<void> {
    const generation = name === undefined ? undefined : world.generationOf(name);
    const record = generation === undefined ? undefined : await store.servers.byGeneration(generation);
    if (record !== undefined) await look(record);
    else if (name === undefined) await pass();
  }

  return {
    name: 'reconciler',
    pass,
    async start() {
      await pass();
      engine.watch(({ name }) => {
        onEngineEvent(name).catch((error: unknown) => {
          if (!ending.signal.aborted) log.warn({ error: messageOf(error) }, 'an event of the engine could not be followed');
        });
      }, ending.signal);
    },
    async stop() {
      ending.abort();
      clearTimeout(timer);
      for (const waiting of stoppedInside.values()) clearTimeout(waiting);
      await underWay;
    },
  };
}
