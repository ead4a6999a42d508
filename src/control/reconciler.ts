/**
 * Makes the world match the store: at start, at every event of the engine, and every half minute because events can be missed. It leaves alone whatever
 * an operation is working on, and may run at any time and any number of times.
 */
import { messageOf } from '../base/fault.ts';
import type { Service } from '../base/service.ts';
import type { SeenState } from '../core/server.ts';
import type { ServerRecord } from '../store/servers.ts';
import type { Lanes } from './lanes.ts';
import type { ServerParts } from './servers/settings.ts';
import { makeSettling, type Settling } from './settling.ts';
import { makeStoppedInside, type StoppedInside } from './stopped-inside.ts';

/** A whole look at everything. Longer, and a rule deleted by hand stays away longer. */
const periodMs = 30_000;
/** While the engine is away. */
const retryMs = 1000;

export interface Reconciler extends Service {
  /** One whole pass now. Resolves when it is through; a failed one is logged and tried again by itself. */
  readonly pass: () => Promise<void>;
}

export function makeReconciler(parts: ServerParts, lanes: Lanes): Reconciler {
  const { store, engine, world, rules, log } = parts;
  const ending = new AbortController();
  const { signal } = ending;
  const settling = makeSettling(parts, lanes, signal);
  const stoppedInside = makeStoppedInside(parts, settling, signal);
  const followers = { settling, stoppedInside, signal };
  let timer: NodeJS.Timeout | undefined;
  let underWay: Promise<void> | undefined;

  async function everything(): Promise<void> {
    const wasSeen = new Map((await store.servers.list()).map(({ generation }) => [generation, world.seenOf(generation)]));
    const comparison = await world.refresh(signal);
    if (comparison.isMismatch) {
      log.error(
        { strangers: comparison.strangers.length },
        'the engine holds servers of another installation and none of this one: nothing is changed',
      );
      return await rules.closeWhereNone();
    }
    await rules.check();
    for (const record of await store.servers.list()) await follow(parts, record, wasSeen.get(record.generation), followers);
  }

  function schedule(afterMs: number): void {
    clearTimeout(timer);
    if (!signal.aborted) timer = setTimeout(() => void pass(), afterMs);
  }

  const complain = (error: unknown, what: string) => signal.aborted || log.warn({ error: messageOf(error) }, what);

  async function pass(): Promise<void> {
    underWay ??= everything()
      .then(
        () => schedule(periodMs),
        (error: unknown) => {
          // An engine that is away was told of once, when it went.
          if (world.trouble() === undefined) complain(error, 'a pass of the reconciler failed; it is tried again');
          schedule(retryMs);
        },
      )
      .finally(() => (underWay = undefined));
    await underWay;
  }

  async function onEngineEvent(name: string | undefined): Promise<void> {
    if (name === undefined) return await pass();
    const generation = world.generationOf(name);
    const record = generation === undefined ? undefined : await store.servers.byGeneration(generation);
    if (record !== undefined) await look(parts, record, followers);
  }

  return {
    name: 'reconciler',
    pass,
    async start() {
      await pass();
      engine.watch(({ name }) => {
        onEngineEvent(name).catch((error: unknown) => complain(error, 'an event of the engine could not be followed'));
      }, signal);
    },
    async stop() {
      ending.abort();
      clearTimeout(timer);
      stoppedInside.stop();
      await underWay;
    },
  };
}

interface Followers {
  readonly settling: Settling;
  readonly stoppedInside: StoppedInside;
  readonly signal: AbortSignal;
}

/** One server changed at the engine. */
async function look(parts: ServerParts, record: ServerRecord, followers: Followers): Promise<void> {
  const wasSeen = parts.world.seenOf(record.generation);
  await parts.world.refreshOne(record, followers.signal);
  await follow(parts, record, wasSeen, followers);
}

/** Acts on what the world now says of a server that looked otherwise before; `wasSeen` is undefined for one never looked at. */
async function follow(
  { world, events }: ServerParts,
  record: ServerRecord,
  wasSeen: SeenState | undefined,
  { settling, stoppedInside }: Followers,
): Promise<void> {
  const seen = world.seenOf(record.generation);
  if (seen !== wasSeen) events.emit({ kind: 'server', id: record.id, generation: record.generation });
  if (record.wanted === 'running' && seen === 'stopped') {
    if (stoppedInside.isWaitingFor(record.generation)) return;
    // Only what this process saw running has stopped before its eyes; of the rest nobody knows more than the store.
    if (world.hasRun(record.generation) && !(await settling.isBusy(record))) return stoppedInside.notice(record);
  } else stoppedInside.forget(record.generation);
  await settling.settle(record);
}
