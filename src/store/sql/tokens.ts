import type { Selectable } from 'kysely';
import type { PersonName } from '../../core/names.ts';
import { fault } from '../../core/errors.ts';
import type { Token, Tokens } from '../records.ts';
import { onViolation } from '../violation.ts';
import { noSuchPerson } from './people.ts';
import type { Schema } from './schema.ts';
import { nextNumber, type Context } from './transaction.ts';

/** Between two notes of a token's use: finer would cost a durable write for each request. */
const touchEveryMs = 60_000;

function toToken(row: Selectable<Schema['tokens']>): Token {
  return {
    id: row.id,
    person: row.person as PersonName,
    label: row.label,
    createdMs: row.created_ms,
    expiresMs: row.expires_ms,
    lastUsedMs: row.last_used_ms ?? undefined,
    revoked: row.revoked === 1,
  };
}

export function makeTokens({ db, clock, newId }: Context): Tokens {
  return {
    add: async ({ person, secretHash, label, expiresMs }) => {
      const row = {
        id: newId(),
        number: nextNumber('tokens'),
        person,
        secret_hash: secretHash,
        label,
        created_ms: clock.now(),
        expires_ms: expiresMs,
        last_used_ms: null,
        revoked: 0,
      } as const;
      const insert = () => db.insertInto('tokens').values(row).returningAll().executeTakeFirstOrThrow();
      return toToken(await onViolation('foreign', () => noSuchPerson(person), insert));
    },
    live: async (secretHash) => {
      const row = await db
        .selectFrom('tokens')
        .innerJoin('people', 'people.name', 'tokens.person')
        .selectAll('tokens')
        .where('secret_hash', '=', secretHash)
        .where('revoked', '=', 0)
        .where('expires_ms', '>', clock.now())
        .where('people.disabled', '=', 0)
        .executeTakeFirst();
      return row && toToken(row);
    },
    touch: async (id) => {
      const now = clock.now();
      const due = await db
        .selectFrom('tokens')
        .select('id')
        .where('id', '=', id)
        .where((eb) => eb.or([eb('last_used_ms', 'is', null), eb('last_used_ms', '<=', now - touchEveryMs)]))
        .executeTakeFirst();
      if (due !== undefined) await db.updateTable('tokens').set({ last_used_ms: now }).where('id', '=', id).execute();
    },
    get: async (id) => {
      const row = await db.selectFrom('tokens').selectAll().where('id', '=', id).executeTakeFirst();
      return row && toToken(row);
    },
    list: async (person) =>
      (await db.selectFrom('tokens').selectAll().where('person', '=', person).orderBy('number', 'desc').execute()).map(toToken),
    revoke: async (id) => {
      const { numUpdatedRows } = await db.updateTable('tokens').set({ revoked: 1 }).where('id', '=', id).executeTakeFirst();
      if (numUpdatedRows === 0n) throw fault('no-such-token', `there is no token ${id}: it may have expired`);
    },
    revokeAll: async (person) => {
      const query = db
        .updateTable('tokens')
        .set({ revoked: 1 })
        .where('person', '=', person)
        .where('revoked', '=', 0)
        .where('expires_ms', '>', clock.now());
      return Number((await query.executeTakeFirst()).numUpdatedRows);
    },
    prune: async () => {
      const query = db.deleteFrom('tokens').where((eb) => eb.or([eb('revoked', '=', 1), eb('expires_ms', '<=', clock.now())]));
      return Number((await query.executeTakeFirst()).numDeletedRows);
    },
  };
}
