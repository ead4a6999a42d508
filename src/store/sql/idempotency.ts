import type { PersonName } from '../../core/names.ts';
import { fault } from '../../core/errors.ts';
import type { Idempotency, IdempotencyRecord } from '../records.ts';
import type { Database } from './schema.ts';
import { inTransaction, type Context } from './transaction.ts';

function personText(person: PersonName | undefined): string {
  return person ?? '';
}

export function keyReused(key: string): Error {
  return fault(
    'key-reused',
    `the idempotency key ${JSON.stringify(key.slice(0, 60))} belongs to another request: send this one with a new key`,
  );
}

export async function findIdempotency(
  db: Database,
  person: PersonName | undefined,
  key: string,
  nowMs: number,
): Promise<IdempotencyRecord | undefined> {
  const row = await db
    .selectFrom('idempotency')
    .selectAll()
    .where('person', '=', personText(person))
    .where('key', '=', key)
    .where('expires_ms', '>', nowMs)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  return { person, key, requestHash: row.request_hash, operationIds: JSON.parse(row.operation_ids) as string[], expiresMs: row.expires_ms };
}

/** Puts it in the place of an expired one. Throws `key-reused` when one still holds. */
export async function putIdempotency(db: Database, record: IdempotencyRecord, nowMs: number): Promise<void> {
  if ((await findIdempotency(db, record.person, record.key, nowMs)) !== undefined) throw keyReused(record.key);
  const held = { request_hash: record.requestHash, operation_ids: JSON.stringify(record.operationIds), expires_ms: record.expiresMs };
  await db
    .insertInto('idempotency')
    .values({ person: personText(record.person), key: record.key, ...held })
    .onConflict((c) => c.columns(['person', 'key']).doUpdateSet(held))
    .execute();
}

export function makeIdempotency({ db, clock }: Context): Idempotency {
  return {
    get: async (person, key) => await findIdempotency(db, person, key, clock.now()),
    put: async (record) => await inTransaction(db, async (trx) => await putIdempotency(trx, record, clock.now())),
    prune: async () => {
      const query = db.deleteFrom('idempotency').where('expires_ms', '<=', clock.now());
      return Number((await query.executeTakeFirst()).numDeletedRows);
    },
  };
}
