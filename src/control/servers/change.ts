/** set, password, keys: what changes a server that stays the same server. */
import { messageOf } from '../../base/fault.ts';
import { fault } from '../../core/errors.ts';
import { parsePersonName, parseServerName } from '../../core/names.ts';
import { changedPolicies, changedRepair, policyOf, type PortPolicies } from '../../core/port-policy.ts';
import { oneTimeAge } from '../../core/provision.ts';
import { type Limits, objection } from '../../core/server.ts';
import { instanceNameOf } from '../../engines/engine.ts';
import type { ServerRecord } from '../../store/servers.ts';
import { type Caller, isAdministrator } from '../caller.ts';
import type { ChangeRequest, OneTimePassword } from '../control.ts';
import { makeOneTimePassword } from '../one-time-password.ts';
import { editAuthorizedKeys } from './authorized-keys.ts';
import { capacityOf, quotaOf } from './allowance.ts';
import { gatewayKeyComment, gatewayKeyLine } from './gateway-key.ts';
import { checkLimits, readNotes } from './request.ts';
import { refusePersonsName } from './server-name.ts';
import type { ServerParts } from './settings.ts';
import { withinReason } from './within-reason.ts';

const limitKeys = ['memoryBytes', 'cpus', 'diskBytes'] as const;

/** Says whether the running server needs a restart for all of it to hold. */
export async function changeServer(parts: ServerParts, caller: Caller, id: number, change: ChangeRequest): Promise<boolean> {
  const { access, store, world, events } = parts;
  const wantsLimits = limitKeys.some((key) => change[key] !== undefined);
  const isSetting = wantsLimits || change.name !== undefined || change.ports !== undefined || change.repair !== undefined;
  const deed = change.record !== undefined ? 'share' : isSetting ? 'set' : 'notes';
  const { record } = await access.require(caller, id, deed);
  world.requireMatch();
  refuseWhile(parts, record, 'set');
  const name = typeof change.name === 'string' ? parseServerName(change.name) : undefined;
  if (name !== undefined) await refusePersonsName(store, name);
  const ports = change.ports === undefined ? undefined : changedPolicies(parts.plan, record.ports, change.ports);
  const details = {
    ...(change.notes === undefined ? {} : { notes: readNotes(change.notes) }),
    ...(change.name === undefined ? {} : { name }),
    ...(change.record === undefined ? {} : { isRecorded: change.record }),
    ...(ports === undefined ? {} : { ports }),
    ...(change.repair === undefined ? {} : { repair: changedRepair(parts.plan, record.repair, change.repair) }),
  };
  const needsRestart =
    wantsLimits && (await parts.changes.inLane(record.generation, async () => await changeLimits(parts, caller, record, change)));
  if (Object.keys(details).length > 0) await store.servers.update(record.generation, details);
  await access.wrote(caller, record, 'set', wordsOf(change));
  if (ports !== undefined) await closePorts(parts, record, ports);
  else if (change.repair !== undefined) await parts.rules.settle();
  events.emit({ kind: 'server', id: record.id, generation: record.generation });
  return needsRestart;
}

function wordsOf({ record, ports = {}, repair = {}, ...rest }: ChangeRequest): string {
  const recording = record === undefined ? [] : [`record ${record ? 'on' : 'off'}`];
  const policies = Object.entries(ports).map(([name, word]) => `port ${name} ${word}`);
  const repaired = Object.entries(repair).map(([name, word]) => `repair ${name} ${word}`);
  return [...Object.keys(rest), ...recording, ...policies, ...repaired].join(', ');
}

/** Whoever came in while a port was public is sent out with it. */
async function closePorts({ rules, plan }: ServerParts, record: ServerRecord, ports: PortPolicies): Promise<void> {
  await rules.settle();
  const isClosed = (name: string) => policyOf(plan, record.ports, name) === 'public' && policyOf(plan, ports, name) !== 'public';
  const closed = plan.portsOf(record.id).filter(({ block }) => isClosed(block));
  for (const port of new Set(closed.map(({ privatePort }) => privatePort))) await rules.cut(plan.addressOf(record.id), port);
}

/** The store first, because there the quota is counted; back again when the engine refuses. */
async function changeLimits(parts: ServerParts, caller: Caller, asker: ServerRecord, change: Partial<Limits>): Promise<boolean> {
  const { store, engine, world } = parts;
  // Another change may have been before this one: what it set is kept where nothing else is asked for now.
  const record = (await store.servers.byGeneration(asker.generation)) ?? asker;
  const name = instanceNameOf(record.id, record.generation);
  const asked = only(change, change);
  const limits = checkLimits({ ...record.limits, ...asked });
  const quota = isAdministrator(caller.actor) ? undefined : await quotaOf(parts, record.owner);
  const checks = { quota, capacity: await capacityOf(parts) };
  await store.leases.resize(record.generation, limits, checks);
  try {
    await engine.setLimits(name, asked);
  } catch (error) {
    // It may have done a part before it refused the rest: a disk grown past the quota, say.
    await engine.setLimits(name, only(record.limits, change)).catch((cause: unknown) => {
      parts.log.warn({ id: record.id, error: messageOf(cause) }, 'limits that were refused could not be taken back in the engine');
    });
    // What it holds now is what counts: the old limits, unless the disk was filled beyond them meanwhile.
    const held = await engine.get(name).catch(() => undefined);
    await store.leases.resize(record.generation, held?.limits ?? record.limits, {
      quota: undefined,
      capacity: { memoryBytes: undefined, cpus: undefined, diskBytes: undefined },
    });
    throw error;
  }
  const { liveChanges } = await engine.facts();
  const isRunning = world.seenOf(record.generation) === 'running';
  return isRunning && limitKeys.some((key) => asked[key] !== undefined && !liveChanges.includes(key));
}

/** Those of `limits` that `asked` speaks of. */
function only(limits: Partial<Limits>, asked: Partial<Limits>): Partial<Limits> {
  return Object.fromEntries(limitKeys.flatMap((key) => (asked[key] === undefined ? [] : [[key, limits[key]]]))) as Partial<Limits>;
}

/** A new one-time password for a user inside, set by the system's own tools so that every rule of that system holds. */
export async function newPassword(parts: ServerParts, caller: Caller, id: number, user?: string): Promise<OneTimePassword> {
  const { access, settings } = parts;
  const { record } = await access.require(caller, id, 'password');
  refuseWhile(parts, record, 'password');
  await requireRunning(parts, record, 'its password can be set');
  const name = user === undefined || user === 'root' ? (user ?? record.admin) : parsePersonName(user);
  const password = settings.hasClassicPasswords ? name : makeOneTimePassword();
  const run = async (argv: readonly string[], input?: string) => await runBounded(parts, record, argv, input);
  const set = await run(['chpasswd'], `${name}:${password}\n`);
  if (set.exitCode !== 0) {
    throw fault(
      'engine-failed',
      `the system inside server ${id} did not take a new password for "${name}"; is there such a user? It said: ${firstLine(set.stderr)}`,
    );
  }
  const longest = Number((await run(['getent', 'shadow', name])).stdout.split(':')[4] ?? '');
  // A stricter rule that was made inside stays.
  const goodDays = longest > 0 && longest < oneTimeAge.goodDays ? longest : oneTimeAge.goodDays;
  const expired = await run(['chage', '-d', String(oneTimeAge.changedDay), '-M', String(goodDays), name]);
  if (expired.exitCode !== 0)
    throw fault('engine-failed', `the new password of "${name}" could not be made one-time: ${firstLine(expired.stderr)}`);
  await access.wrote(caller, record, 'password', `for the user ${name}`);
  return { id: record.id, user: name, password };
}

async function runBounded({ engine, settings }: ServerParts, record: ServerRecord, argv: readonly string[], input?: string) {
  const complaint = (time: string) =>
    `"${argv[0] ?? ''}" inside server ${record.id} did not end within ${time}, so the password may not be set; look at the server and try again`;
  return await withinReason(
    settings,
    complaint,
    async (signal) => await engine.run(instanceNameOf(record.id, record.generation), argv, input, signal),
  );
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').slice(0, 200);
}

/** Adds lines that are not there yet. */
export async function pushKeys(parts: ServerParts, caller: Caller, id: number, lines: readonly string[]): Promise<void> {
  const { record } = await parts.access.require(caller, id, 'password');
  refuseWhile(parts, record, 'set');
  await parts.changes.inLane(record.generation, async () => {
    await editAuthorizedKeys(parts, record, (old) => [...old, ...lines.filter((line) => !old.some((there) => sameKey(there, line)))]);
  });
  await parts.access.wrote(caller, record, 'key-push', `${lines.length} keys`);
}

/** Puts the gateway's key into the admin's authorized_keys, or takes it out; one that is there already is written anew. */
export async function setGatewayKey(parts: ServerParts, caller: Caller, id: number, isThere: boolean): Promise<void> {
  const { record } = await parts.access.require(caller, id, 'set');
  refuseWhile(parts, record, 'set');
  const lines = isThere ? [await gatewayKeyLine(parts.store, record.generation)] : [];
  await parts.changes.inLane(record.generation, async () => {
    await editAuthorizedKeys(parts, record, (old) => [...old.filter((line) => !line.endsWith(` ${gatewayKeyComment}`)), ...lines]);
  });
  await parts.store.servers.update(record.generation, { gatewayKey: isThere });
  await parts.access.wrote(caller, record, isThere ? 'gateway-key-add' : 'gateway-key-remove');
}

function sameKey(a: string, b: string): boolean {
  return a.split(' ').slice(0, 2).join(' ') === b.split(' ').slice(0, 2).join(' ');
}

function refuseWhile({ world }: ServerParts, record: ServerRecord, verb: 'set' | 'password'): void {
  const complaint = objection({ ...record, seen: world.seenOf(record.generation) }, verb);
  if (complaint !== undefined)
    throw fault('wrong-state', `server ${record.id} ${complaint}; try again when that is over`, { details: { id: record.id } });
}

async function requireRunning({ world }: ServerParts, record: ServerRecord, purpose: string): Promise<void> {
  const { seen } = await world.refreshOne(record);
  if (seen !== 'running') {
    throw fault('wrong-state', `server ${record.id} is ${seen}; it must run so that ${purpose}: "myserver start ${record.id}"`, {
      details: { id: record.id },
    });
  }
}
