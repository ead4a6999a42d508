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
    lifetimeMs: row.lifetime_ms ?? row.expires_ms - row.created_ms,
    lastUsedMs: row.last_used_ms ?? undefined,
    revoked: row.revoked === 1,
  };
}

export function makeTokens(context: Context): Tokens {
  const { db, clock, newId } = context;
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
        former_hash: null,
        former_until_ms: null,
        lifetime_ms: expiresMs - clock.now(),
      } as const;
      const insert = () => db.insertInto('tokens').values(row).returningAll().executeTakeFirstOrThrow();
      return toToken(await onViolation('foreign', () => noSuchPerson(person), insert));
    },
    live: async (secretHash) => {
      const row = await db
        .selectFrom('tokens')
        .innerJoin('people', 'people.name', 'tokens.person')
        .selectAll('tokens')
        .where((eb) =>
          eb.or([
            eb('secret_hash', '=', secretHash),
            eb.and([eb('former_hash', '=', secretHash), eb('former_until_ms', '>', clock.now())]),
          ]),
        )
        .where('revoked', '=', 0)
        .where('expires_ms', '>', clock.now())
        .where('people.disabled', '=', 0)
        .executeTakeFirst();
      return row && toToken(row);
    },
    ...makeRenewals(context),
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
    ...makeEndings(context),
  };
}

function makeRenewals({ db, clock }: Context): Pick<Tokens, 'renew' | 'outlived'> {
  return {
    renew: async (id, { secretHash, expiresMs, formerUntilMs }) => {
      const row = await db
        .updateTable('tokens')
        .set((eb) => ({
          former_hash: eb.ref('secret_hash'),
          former_until_ms: formerUntilMs,
          secret_hash: secretHash,
          expires_ms: expiresMs,
        }))
        .where('id', '=', id)
        .where('revoked', '=', 0)
        .returningAll()
        .executeTakeFirst();
      if (row === undefined) throw fault('no-such-token', `there is no token ${id}: it may have expired`);
      return toToken(row);
    },
    outlived: async (secretHash) => {
      const row = await db
        .selectFrom('tokens')
        .selectAll()
        .where('former_hash', '=', secretHash)
        .where('former_until_ms', '<=', clock.now())
        .where('revoked', '=', 0)
        .executeTakeFirst();
      return row && toToken(row);
    },
  };
}

function makeEndings({ db, clock }: Context): Pick<Tokens, 'revoke' | 'revokeAll' | 'prune'> {
  return {
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
