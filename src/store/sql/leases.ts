/** Leases: the one place that gives out IDs and takes them back. */
import { fault } from '../../core/errors.ts';
import type { Generation, ServerId } from '../../core/ids.ts';
import type { Operation } from '../records.ts';
import type { AdoptRequest, Lease, Leases, Recipient, ServerRecord, Taken, TakeRequest } from '../servers.ts';
import { onViolation } from '../violation.ts';
import { appendAudit } from './audit.ts';
import { findIdempotency, keyReused, putIdempotency } from './idempotency.ts';
import { amountOf, checkCapacity, checkQuota, usedBy } from './limits.ts';
import { addOperation, toOperation } from './operations.ts';
import { noSuchPerson } from './people.ts';
import type { Database } from './schema.ts';
import { goneServer, nameTaken, requireServer, toServer } from './servers.ts';
import { inTransaction, type Context } from './transaction.ts';

/** What this key made before, or undefined when it is new. */
async function replay(db: Database, request: TakeRequest, nowMs: number): Promise<readonly Operation[] | undefined> {
  const { idempotency, origin } = request;
  if (idempotency === undefined) return undefined;
  const before = await findIdempotency(db, origin.person, idempotency.key, nowMs);
  if (before === undefined) return undefined;
  if (before.requestHash !== idempotency.requestHash) throw keyReused(idempotency.key);
  const rows = await db.selectFrom('operations').selectAll().where('id', 'in', before.operationIds).orderBy('number').execute();
  return rows.map(toOperation);
}

/** The IDs to give, lowest first. */
async function chooseIds(db: Database, { wantedId, idRange, unusable }: TakeRequest, count: number): Promise<readonly number[]> {
  const { first, last } = idRange;
  if (wantedId !== undefined && (wantedId < first || wantedId > last)) {
    throw fault('bad-id', `there is no ID ${wantedId} here: IDs go from ${first} to ${last}`);
  }
  const from = wantedId ?? first;
  const rows = await db.selectFrom('servers').select('id').where('id', '>=', from).where('id', '<=', last).execute();
  const taken = new Set(rows.map((row) => row.id));
  if (wantedId !== undefined && count === 1) {
    if (taken.has(wantedId))
      throw fault('id-taken', `the ID ${wantedId} is taken: choose another, or leave it out to get the lowest free one`);
    if (unusable.has(wantedId)) {
      throw fault(
        'id-unusable',
        `the ID ${wantedId} cannot be used: something else on this host holds one of its ports (see "myserver plan check")`,
      );
    }
  }
  const ids: number[] = [];
  for (let id = from; id <= last && ids.length < count; id += 1) if (!taken.has(id) && !unusable.has(id)) ids.push(id);
  if (ids.length < count) {
    throw fault(
      'no-free-id',
      `${count === 1 ? 'a server was' : `${count} servers were`} asked for, but only ${ids.length} of the IDs ${from} to ${last} are free: drop a server, or ask an administrator for a larger plan`,
    );
  }
  return ids;
}

type NewServer = Omit<ServerRecord, 'problem' | 'gatewayKey' | 'isRecorded' | 'ports' | 'repair' | 'createdMs'>;

/** Throws `id-taken`, `no-such-person`. */
async function insertServer({ db, clock }: Context, server: NewServer): Promise<ServerRecord> {
  const { id, generation, owner, limits } = server;
  const row = {
    id,
    generation,
    owner,
    admin: server.admin,
    name: server.name ?? null,
    system: server.system,
    type: server.type,
    memory_bytes: limits.memoryBytes,
    cpus: limits.cpus,
    disk_bytes: limits.diskBytes,
    notes: server.notes,
    wanted: server.wanted,
    problem: null,
    gateway_key: 0,
    recorded: 0,
    ports: '{}',
    repair: '{}',
    image_fingerprint: server.imageFingerprint ?? null,
    created_ms: clock.now(),
  } as const;
  const taken = () => fault('id-taken', `the ID ${id} is taken: drop the server that has it, or wait until it is dropped`);
  await onViolation(
    'foreign',
    () => noSuchPerson(owner),
    () => onViolation('unique', taken, () => db.insertInto('servers').values(row).execute()),
  );
  return toServer(row);
}

async function insertLease(context: Context, request: TakeRequest, { owner, admin }: Recipient, id: number): Promise<Lease> {
  const { name, system, type, limits, notes, imageFingerprint, origin } = request;
  const generation = context.newId() as Generation;
  const server = await insertServer(context, {
    id: id as ServerId,
    generation,
    owner,
    admin,
    name,
    system,
    type,
    limits,
    notes,
    imageFingerprint,
    wanted: 'creating',
  });
  const lease = { id: server.id, generation: server.generation };
  const operation = await addOperation(context, {
    kind: 'create',
    person: origin.person,
    server: lease,
    subject: `server ${id}`,
    params: request.params,
  });
  const detail = `${system} ${type} for ${owner}`;
  await appendAudit(context, { ...origin, deed: 'create', server: lease, allowed: true, detail });
  return { server, operation };
}

async function take(context: Context, request: TakeRequest): Promise<Taken> {
  const { db, clock } = context;
  const { count, name, recipients, origin, idempotency } = request;
  const total = count * recipients.length;
  if (!Number.isSafeInteger(total) || total < 1)
    throw fault('bad-request', `the number of servers to create must be 1 or more, not ${total}`);
  if (name !== undefined && total > 1) {
    throw fault('bad-request', `${total} servers cannot all be named ${name}: leave the name out, or create them one by one`);
  }
  const operations = await replay(db, request, clock.now());
  if (operations !== undefined) return { kind: 'replayed', operations };
  for (const { owner } of recipients)
    if ((await db.selectFrom('people').select('name').where('name', '=', owner).executeTakeFirst()) === undefined)
      throw noSuchPerson(owner);
  const ids = await chooseIds(db, request, total);
  if (name !== undefined && (await db.selectFrom('servers').select('id').where('name', '=', name).executeTakeFirst()) !== undefined) {
    throw nameTaken(name);
  }
  await checkCapacity(db, amountOf(request.limits, total), request.capacity);
  const leases: Lease[] = [];
  for (const [at, recipient] of recipients.entries()) {
    await checkQuota(db, recipient.owner, amountOf(request.limits, count), recipient.quota);
    for (const id of ids.slice(at * count, (at + 1) * count)) leases.push(await insertLease(context, request, recipient, id));
  }
  if (idempotency !== undefined) {
    const operationIds = leases.map((lease) => lease.operation.id);
    await putIdempotency(db, { ...idempotency, person: origin.person, operationIds }, clock.now());
  }
  return { kind: 'taken', leases };
}

async function adopt(context: Context, found: AdoptRequest): Promise<ServerRecord> {
  const { origin, ...server } = found;
  const record = await insertServer(context, { ...server, name: undefined, notes: '', imageFingerprint: undefined });
  const lease = { id: record.id, generation: record.generation };
  await appendAudit(context, { ...origin, deed: 'adopt', server: lease, allowed: true, detail: `for ${record.owner}` });
  return record;
}

export function makeLeases(context: Context): Leases {
  const { db } = context;
  const release = async (generation: Generation): Promise<boolean> =>
    await inTransaction(db, async (trx) => {
      const row = await trx.selectFrom('servers').select(['id', 'wanted']).where('generation', '=', generation).executeTakeFirst();
      if (row === undefined) return false;
      if (row.wanted !== 'dropping' && row.wanted !== 'creating') {
        throw fault('wrong-state', `server ${row.id} cannot be released: it is wanted ${row.wanted}, and nothing said that it be dropped`);
      }
      // Its grants go by the cascade of their reference.
      await trx.deleteFrom('servers').where('generation', '=', generation).execute();
      return true;
    });

  return {
    take: async (request) => await inTransaction(db, async (trx) => await take({ ...context, db: trx }, request)),
    adopt: async (found) => await inTransaction(db, async (trx) => await adopt({ ...context, db: trx }, found)),
    resize: async (generation, limits, { quota, capacity }) =>
      await inTransaction(db, async (trx) => {
        const server = await requireServer(trx, generation);
        if (server.wanted === 'dropping') throw fault('wrong-state', `server ${server.id} is being dropped`);
        const more = {
          servers: 0,
          cpus: limits.cpus - server.limits.cpus,
          memoryBytes: limits.memoryBytes - server.limits.memoryBytes,
          diskBytes: limits.diskBytes - server.limits.diskBytes,
        };
        await checkQuota(trx, server.owner, more, quota);
        await checkCapacity(trx, more, capacity);
        const set = { memory_bytes: limits.memoryBytes, cpus: limits.cpus, disk_bytes: limits.diskBytes };
        const { numUpdatedRows } = await trx.updateTable('servers').set(set).where('generation', '=', generation).executeTakeFirst();
        if (numUpdatedRows === 0n) throw goneServer();
        return { ...server, limits };
      }),
    used: async (owner) => await usedBy(db, owner),
    release,
  };
}
