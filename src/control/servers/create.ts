/** The verb create: decides, leases, and begins the operations. What the operations do is `creation.ts`. */
import { createHash } from 'node:crypto';
import { Secret } from '../../base/secret.ts';
import { fault } from '../../core/errors.ts';
import type { PersonName } from '../../core/names.ts';
import type { ImageSeen } from '../../engines/engine.ts';
import type { Lease } from '../../store/servers.ts';
import { type Caller, isAdministrator, originOf } from '../caller.ts';
import type { Created, CreateRequest, OneTimePassword } from '../control.ts';
import { makeGate } from '../lanes.ts';
import { makeOneTimePassword } from '../one-time-password.ts';
import { quotaOf, capacityOf } from './allowance.ts';
import { initialPasswordName } from './creation.ts';
import { ownersOf } from './owners.ts';
import { type CreateOrder, readCreateRequest } from './request.ts';
import { refusePersonsName } from './server-name.ts';
import type { ServerParts } from './settings.ts';

/** A key is remembered for a day: longer than any client keeps trying. */
const idempotencyMs = 24 * 3_600_000;

/** Throws everything that `leases.take`, `readCreateRequest` and `ownersOf` throw, `no-such-image`, `engine-unavailable`. */
export async function createServers(parts: ServerParts, caller: Caller, request: CreateRequest, idempotencyKey?: string): Promise<Created> {
  const { store, plan, world, events, operations } = parts;
  const owners = await ownersOf(store, caller, request);
  const { admin, ...order } = readCreateRequest(request, owners.length, parts.settings);
  if (order.name !== undefined) await refusePersonsName(store, order.name);
  const wantedId = request.id === undefined ? undefined : plan.requireId(request.id);
  world.requireMatch();
  const [firstOwner] = owners;
  const first = firstOwner === undefined ? undefined : makePassword(parts, admin ?? firstOwner);
  const image = await requireImage(parts, order);
  const taken = await store.leases.take({
    ...order,
    recipients: await Promise.all(
      owners.map(async (owner) => ({
        owner,
        admin: admin ?? owner,
        quota: isAdministrator(caller.actor) ? undefined : await quotaOf(parts, owner),
      })),
    ),
    wantedId,
    idRange: plan.ids,
    unusable: await unusableIds(parts),
    imageFingerprint: image.fingerprint,
    capacity: await capacityOf(parts),
    params: { keys: order.keys, start: order.startsAtOnce },
    idempotency:
      idempotencyKey === undefined
        ? undefined
        : { key: idempotencyKey, requestHash: hashOf(request), expiresMs: parts.clock.now() + idempotencyMs },
    origin: originOf(caller),
  });
  if (taken.kind === 'replayed') return await replay(parts, caller, taken.operations);

  const passwords = await keepPasswords(parts, taken.leases, first);
  for (const { server, operation } of taken.leases) {
    events.emit({ kind: 'server', id: server.id, generation: server.generation });
    operations.begin(operation);
  }
  const judge = await parts.access.judge(caller);
  return {
    servers: taken.leases.map(({ server }) => ({ record: server, seen: 'missing', right: judge(server) })),
    operations: taken.leases.map(({ operation }) => operation),
    passwords,
  };
}

async function requireImage({ engine }: ServerParts, { system, type }: Pick<CreateOrder, 'system' | 'type'>): Promise<ImageSeen> {
  const images = await engine.images.list();
  const image = images.find((candidate) => candidate.system === system && candidate.type === type);
  if (image === undefined) {
    const there = images.map(({ reference }) => reference).join(', ');
    throw fault(
      'no-such-image',
      `there is no image of the system "${system}" with the type "${type}"; there ${there === '' ? 'is none yet' : `are: ${there}`} (an administrator makes one with "myserver image build ${system} ${type}")`,
    );
  }
  return image;
}

/** IDs that cannot be given out now: a port is held by another program, or an instance that is not ours to touch sits on the address. */
async function unusableIds({ hands, world }: ServerParts): Promise<ReadonlySet<number>> {
  const held = new Set(await hands.heldIds());
  for (const { id } of world.last()?.strangers ?? []) if (id !== undefined) held.add(id);
  return held;
}

interface NewPassword {
  readonly password: string;
  readonly hash: Promise<string>;
}

/** Each hash is a process of its own: the first one's goes on beside the questions to engine and host. */
function makePassword({ hands, settings }: ServerParts, admin: PersonName): NewPassword {
  const password = settings.hasClassicPasswords ? admin : makeOneTimePassword();
  const hash = hands.hashPassword(new Secret(password));
  // A request that is refused never asks for it.
  hash.catch(() => {});
  return { password, hash };
}

const hashesAtOnce = 4;

/** For all or for none: where one cannot be kept, the servers are given back. */
async function keepPasswords(
  parts: ServerParts,
  leases: readonly Lease[],
  first: NewPassword | undefined,
): Promise<readonly OneTimePassword[]> {
  const inTurn = makeGate(hashesAtOnce);
  const keep = async ({ server }: Lease, index: number) =>
    await inTurn(async () => await keepPassword(parts, server, (index === 0 ? first : undefined) ?? makePassword(parts, server.admin)));
  try {
    return await Promise.all(leases.map(keep));
  } catch (error) {
    for (const { operation } of leases) {
      parts.operations.begin(operation);
      await parts.operations.cancel(operation.id);
    }
    throw error;
  }
}

/** Keeps the hash until the creation has written it inside; what is returned is the only copy of the password itself. */
async function keepPassword({ store }: ServerParts, server: Lease['server'], made: NewPassword): Promise<OneTimePassword> {
  const hash = await made.hash;
  await store.atomically(async ({ servers, keyring }) => {
    // Dropped meanwhile, nobody would ever take it away again.
    if ((await servers.byGeneration(server.generation)) === undefined) return;
    await keyring.keep(initialPasswordName(server.generation), { privateKey: new Secret(hash), publicKey: '' });
  });
  return { id: server.id, user: server.admin, password: made.password };
}

async function replay({ store, world, access }: ServerParts, caller: Caller, operations: Created['operations']): Promise<Created> {
  const records = await Promise.all(
    operations.map(async ({ server }) => (server === undefined ? undefined : await store.servers.byGeneration(server.generation))),
  );
  const judge = await access.judge(caller);
  return {
    servers: records.flatMap((record) =>
      record === undefined ? [] : [{ record, seen: world.seenOf(record.generation), right: judge(record) }],
    ),
    operations,
    passwords: [],
  };
}

function hashOf(request: CreateRequest): string {
  const sorted = Object.entries(request).toSorted(([a], [b]) => a.localeCompare(b));
  return createHash('sha256').update(JSON.stringify(sorted)).digest('hex');
}
