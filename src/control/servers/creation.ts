/**
 * The operation create: image to instance, files pushed into it while it is stopped, start, SSH answers. Any moment of it may be the last of this
 * process: what is half-made has never run, so the next process throws it away and begins again; what runs is finished.
 */
import type { Secret } from '../../base/secret.ts';
import { messageOf } from '../../base/fault.ts';
import { fault, toFault } from '../../core/errors.ts';
import type { Generation } from '../../core/ids.ts';
import { nextStep } from '../../core/reconcile.ts';
import type { SeenState } from '../../core/server.ts';
import { instanceNameOf } from '../../engines/engine.ts';
import type { Json, Operation } from '../../store/records.ts';
import type { ServerRecord } from '../../store/servers.ts';
import type { OperationContext } from '../operation-runner.ts';
import { finishDrop } from './dropping.ts';
import { patiently } from './patience.ts';
import { provision } from './provision.ts';
import { withRoom } from './room.ts';
import type { ServerParts } from './settings.ts';
import { waitForSsh } from './ssh-wait.ts';

/** Under which name the keyring holds the hash of a new server's first password until it is inside. */
export function initialPasswordName(generation: Generation): string {
  return `initial-password:${generation}`;
}

interface CreateParams {
  readonly keys: readonly string[];
  readonly start: boolean;
}

function readParams(params: Json): CreateParams {
  const { keys = [], start = true } = (params ?? {}) as Partial<CreateParams>;
  return { keys, start };
}

/** The handler. `throttle` bounds how many instances are unpacked at once: more only wait for the same disk. */
export function creationHandler(parts: ServerParts, throttle: <T>(work: () => Promise<T>) => Promise<T>) {
  return async (context: OperationContext): Promise<Json> => {
    const record = await recordOf(parts, context.operation);
    try {
      await throttle(async () => await withRoom(parts.engine, context, async () => await make(parts, context, record)));
    } catch (error) {
      if (context.isStopping()) throw error;
      await undo(parts, record);
      throw withServer(record, error);
    }
    if (readParams(context.operation.params).start) await waitForSsh(parts, context, record);
    return { id: record.id };
  };
}

async function recordOf({ store }: ServerParts, { server }: Operation): Promise<ServerRecord> {
  const record = server === undefined ? undefined : await store.servers.byGeneration(server.generation);
  if (record === undefined) throw fault('cancelled', 'the server was dropped before it was made');
  return record;
}

async function make(parts: ServerParts, context: OperationContext, record: ServerRecord): Promise<void> {
  const { engine, store, world, rules, events } = parts;
  const { signal } = context;
  if (record.wanted !== 'creating') return;
  const name = instanceNameOf(record.id, record.generation);
  const params = readParams(context.operation.params);
  const seen = await patiently(context, async () => await knownState(parts, record, signal));
  if (nextStep('creating', seen).kind === 'create') {
    // The lease stands, so its ports can be opened while the image is unpacked.
    const opened = rules.settle();
    opened.catch(() => {});
    const passwordHash = await readPasswordHash(parts, record.generation);
    await context.progress(`unpacking ${record.system}/${record.type}`, 0.1);
    await patiently(context, async () => {
      if (seen !== 'missing') await engine.destroy(name, { installation: store.installation, generation: record.generation }, signal);
      await engine.create(specOf(parts, record), signal);
    });
    await context.progress('putting user, keys and name in place', 0.5);
    await patiently(context, async () => await provision(parts, record, { extraKeys: params.keys, passwordHash }, signal));
    await opened;
    if (params.start) {
      await context.progress('starting', 0.7);
      await patiently(context, async () => await engine.start(name, signal));
    }
  }
  context.pointOfNoReturn();
  await store.atomically(async (tables) => {
    await tables.servers.setWanted(record.generation, params.start ? 'running' : 'stopped');
    await tables.keyring.remove(initialPasswordName(record.generation));
  });
  if (!params.start) await rules.settle();
  await world.refreshOne(record);
  events.emit({ kind: 'server', id: record.id, generation: record.generation });
}

/** A state that the engine is still making up its mind about is waited for, as an engine that is away is. */
async function knownState({ world }: ServerParts, record: ServerRecord, signal: AbortSignal): Promise<SeenState> {
  const { seen } = await world.refreshOne(record, signal);
  if (seen === 'unknown') throw fault('engine-unavailable', `the engine does not yet say what state server ${record.id} is in`);
  return seen;
}

async function readPasswordHash({ store }: ServerParts, generation: Generation): Promise<Secret | undefined> {
  return (await store.keyring.get(initialPasswordName(generation)))?.privateKey;
}

function specOf({ store, plan, settings }: ServerParts, record: ServerRecord) {
  return {
    name: instanceNameOf(record.id, record.generation),
    tags: { installation: store.installation, generation: record.generation, id: record.id },
    image: `${record.system}/${record.type}`,
    limits: record.limits,
    maxProcesses: settings.maxProcesses,
    address: plan.addressOf(record.id),
  };
}

/** Nothing half-made is left: instance, rules and lease go. Where the engine is away, the reconciler goes on with it. */
async function undo(parts: ServerParts, record: ServerRecord): Promise<void> {
  try {
    await parts.store.servers.setWanted(record.generation, 'dropping');
    await finishDrop(parts, record);
  } catch (error) {
    parts.log.warn({ id: record.id, error: messageOf(error) }, 'a failed creation is not wholly undone yet; it will be tried again');
  }
}

function withServer(record: ServerRecord, error: unknown): Error {
  const known = toFault(error);
  if (known.code !== 'engine-failed') return known;
  return fault('engine-failed', `server ${record.id} could not be made, and nothing of it was left behind: ${known.message}`, {
    cause: known,
  });
}
