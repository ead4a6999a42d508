/** start, stop, kill, restart, drop: the verbs that state a wish, and the operations that make it so. */
import { messageOf } from '../../base/fault.ts';
import { fault } from '../../core/errors.ts';
import type { Generation } from '../../core/ids.ts';
import { objection, type Verb, type WantedState } from '../../core/server.ts';
import { instanceNameOf } from '../../engines/engine.ts';
import type { Json, Operation } from '../../store/records.ts';
import type { ServerRecord } from '../../store/servers.ts';
import { type Caller, personOf } from '../caller.ts';
import type { OperationContext, OperationHandler } from '../operation-runner.ts';
import { finishDrop } from './dropping.ts';
import { patiently } from './patience.ts';
import { withRoom } from './room.ts';
import type { ServerParts } from './settings.ts';
import { waitForSsh } from './ssh-wait.ts';

type LifeVerb = Extract<Verb, 'start' | 'stop' | 'kill' | 'restart'>;

const wantedAfter: Readonly<Record<LifeVerb, WantedState>> = { start: 'running', restart: 'running', stop: 'stopped', kill: 'stopped' };

/** Throws what `access.require` throws, and `wrong-state` while the server is being made or dropped. */
export async function beginLife(parts: ServerParts, caller: Caller, id: number, verb: LifeVerb): Promise<Operation> {
  const { access, world, store, events, operations } = parts;
  const { record } = await access.require(caller, id, verb);
  world.requireMatch();
  const complaint = objection({ ...record, seen: world.seenOf(record.generation) }, verb);
  if (complaint !== undefined) throw fault('wrong-state', `server ${id} ${complaint}, so it cannot ${verb} now`, { details: { id } });
  const operation = await store.atomically(async (tables) => {
    await tables.servers.setWanted(record.generation, wantedAfter[verb]);
    return await tables.operations.add(newOperation(caller, record, verb));
  });
  await access.wrote(caller, record, verb);
  events.emit({ kind: 'server', id: record.id, generation: record.generation });
  operations.begin(operation);
  return operation;
}

/** From here on the server is on its way out, whatever happens to us. Asked again it gives the drop that is under way. */
export async function beginDrop(parts: ServerParts, caller: Caller, id: number, generation?: Generation): Promise<Operation> {
  const { access, world, store, events, operations } = parts;
  const { record } = await access.require(caller, id, 'drop');
  world.requireMatch();
  if (generation !== undefined && generation !== record.generation) {
    throw fault('conflict', `server ${id} is another server by now (generation ${record.generation}); nothing was dropped`, {
      details: { id },
    });
  }
  const [underWay] = await store.operations.list({ generation: record.generation, kind: 'drop', states: ['pending', 'running'], limit: 1 });
  if (underWay !== undefined) return underWay;
  const creating = await store.operations.list({ generation: record.generation, kind: 'create', states: ['pending', 'running'] });
  const operation = await store.atomically(async (tables) => {
    await tables.servers.setWanted(record.generation, 'dropping');
    return await tables.operations.add(newOperation(caller, record, 'drop'));
  });
  for (const { id: create } of creating) await operations.cancel(create).catch(() => {});
  await access.wrote(caller, record, 'drop');
  events.emit({ kind: 'server', id: record.id, generation: record.generation });
  operations.begin(operation);
  return operation;
}

function newOperation(caller: Caller, record: ServerRecord, kind: LifeVerb | 'drop') {
  const server = { id: record.id, generation: record.generation };
  return { kind, person: personOf(caller), server, subject: `server ${record.id}`, params: {} };
}

/** What each of them does, from the start, as often as it takes. */
export function lifeHandlers(parts: ServerParts): Readonly<Record<LifeVerb | 'drop', OperationHandler>> {
  const { engine, settings, world, store, events, rules } = parts;

  /** Runs `work` on the record if it is still there, and tells the world what came of it. */
  const on =
    (work: (context: OperationContext, record: ServerRecord) => Promise<void>): OperationHandler =>
    async (context): Promise<Json> => {
      const generation = context.operation.server?.generation;
      const record = generation === undefined ? undefined : await store.servers.byGeneration(generation);
      if (record === undefined) return null;
      if (context.operation.kind !== 'drop' && record.wanted === 'dropping')
        throw fault('wrong-state', `server ${record.id} is being dropped`);
      // What is meant to run answers, what is not refuses: while the engine is at work, so that a start takes no longer. A drop closes its ports itself.
      const settled = context.operation.kind === 'drop' ? Promise.resolve() : rules.settle();
      settled.catch(() => {});
      await work(context, record).catch(async (error: unknown) => {
        if (context.signal.aborted && !context.isStopping()) await wishAsFound(parts, context, record);
        throw error;
      });
      await settled;
      if (context.operation.kind === 'drop') return { id: record.id };
      await world.refreshOne(record);
      await store.servers.setProblem(record.generation, undefined);
      events.emit({ kind: 'server', id: record.id, generation: record.generation });
      return { id: record.id };
    };
  const nameOf = ({ id, generation }: ServerRecord) => instanceNameOf(id, generation);

  async function start(context: OperationContext, record: ServerRecord): Promise<void> {
    context.signal.throwIfAborted();
    await context.progress('starting', 0.5);
    const { seen } = await world.refreshOne(record, context.signal);
    if (seen === 'paused') await engine.resume(nameOf(record), context.signal);
    else await withRoom(engine, context, async () => await engine.start(nameOf(record), context.signal));
    await world.refreshOne(record);
    events.emit({ kind: 'server', id: record.id, generation: record.generation });
    await waitForSsh(parts, context, record);
  }

  async function stop(context: OperationContext, record: ServerRecord, fraction: number): Promise<void> {
    context.signal.throwIfAborted();
    await context.progress('shutting down', fraction);
    await engine.stop(nameOf(record), settings.stopGraceMs, context.signal);
  }

  return {
    start: on(start),
    stop: on(async (context, record) => await stop(context, record, 0.3)),
    kill: on(async (context, record) => {
      context.signal.throwIfAborted();
      await context.progress('pulling the plug', 0.5);
      await engine.kill(nameOf(record), context.signal);
    }),
    restart: on(async (context, record) => {
      await stop(context, record, 0.2);
      await start(context, record);
    }),
    drop: on(async (context, record) => {
      context.pointOfNoReturn();
      await context.progress('closing its ports and destroying it', 0.3);
      await patiently(context, async () => await finishDrop(parts, record));
    }),
  };
}

/** Whoever cancels wants no more of it: without this, the reconciler would fulfil the wish a moment later. A wish stated since is left alone. */
async function wishAsFound(
  { store, world, rules, log }: ServerParts,
  { operation }: OperationContext,
  { id, generation }: ServerRecord,
): Promise<void> {
  try {
    const unfinished = await store.operations.list({ generation, states: ['pending', 'running'] });
    if (unfinished.some((other) => other.id !== operation.id)) return;
    const { seen } = await world.refreshOne({ id, generation });
    if (seen === 'running' || seen === 'paused') await store.servers.setWanted(generation, 'running');
    if (seen === 'stopped') await store.servers.setWanted(generation, 'stopped');
    await rules.settle();
  } catch (error) {
    log.warn({ id, error: messageOf(error) }, 'after a cancel it could not be told what the server is to do');
  }
}
