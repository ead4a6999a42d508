import type { Selectable } from 'kysely';
import { Secret } from '../../base/secret.ts';
import type { ServerId } from '../../core/ids.ts';
import type { PersonName } from '../../core/names.ts';
import { fault } from '../../core/errors.ts';
import type { HostKey, HostKeys } from '../servers.ts';
import type { Database, Schema } from './schema.ts';
import { inTransaction, nextNumber, type Context } from './transaction.ts';

function toHostKey(row: Selectable<Schema['host_keys']>): HostKey {
  return {
    owner: row.owner as PersonName,
    id: row.id as ServerId,
    privateKey: new Secret(row.private_key),
    publicKey: row.public_key,
  };
}

/** Moves an ID's key, or all of an owner's, to the revoked ones. The private half is gone then. */
export async function revokeHostKeys(
  db: Database,
  where: { readonly column: 'owner'; readonly value: string } | { readonly column: 'id'; readonly value: number },
  atMs: number,
): Promise<void> {
  const gone = await db.deleteFrom('host_keys').where(where.column, '=', where.value).returning('public_key').execute();
  for (const { public_key } of gone) {
    await db
      .insertInto('revoked_host_keys')
      .values({ public_key, at_ms: atMs, number: nextNumber('revoked_host_keys') })
      .onConflict((c) => c.column('public_key').doNothing())
      .execute();
  }
}

export function makeHostKeys({ db, clock }: Context): HostKeys {
  const keep = async (key: HostKey): Promise<HostKey> =>
    await inTransaction(db, async (trx) => {
      const lease = await trx.selectFrom('servers').select('owner').where('id', '=', key.id).executeTakeFirst();
      if (lease?.owner !== key.owner) {
        throw fault(
          'no-such-server',
          `a host key was to be kept for server ${key.id} of ${key.owner}, but ${key.owner} has no server ${key.id} now`,
        );
      }
      const held = await trx.selectFrom('host_keys').selectAll().where('id', '=', key.id).executeTakeFirst();
      if (held?.owner === key.owner) return toHostKey(held);
      await revokeHostKeys(trx, { column: 'id', value: key.id }, clock.now());
      const row = {
        id: key.id,
        owner: key.owner,
        private_key: key.privateKey.reveal(),
        public_key: key.publicKey,
        created_ms: clock.now(),
      };
      await trx.insertInto('host_keys').values(row).execute();
      return toHostKey(row);
    });

  return {
    keep,
    get: async (owner, id) => {
      const row = await db.selectFrom('host_keys').selectAll().where('id', '=', id).where('owner', '=', owner).executeTakeFirst();
      return row && toHostKey(row);
    },
    list: async () => {
      const rows = await db.selectFrom('host_keys').select(['owner', 'id', 'public_key']).orderBy('id').execute();
      return rows.map((row) => ({ owner: row.owner as PersonName, id: row.id as ServerId, publicKey: row.public_key }));
    },
    revoked: async () => {
      const rows = await db.selectFrom('revoked_host_keys').select(['public_key', 'at_ms']).orderBy('number').execute();
      return rows.map((row) => ({ publicKey: row.public_key, atMs: row.at_ms }));
    },
  };
}
