import { Secret } from '../../base/secret.ts';
import type { Keyring, KeyPair } from '../records.ts';
import type { Database } from './schema.ts';
import { inTransaction, type Context } from './transaction.ts';

async function find(db: Database, name: string): Promise<KeyPair | undefined> {
  const row = await db.selectFrom('keyring').selectAll().where('name', '=', name).executeTakeFirst();
  return row && { privateKey: new Secret(row.private_key), publicKey: row.public_key };
}

export function makeKeyring({ db, clock }: Context): Keyring {
  const row = (pair: KeyPair) => ({ private_key: pair.privateKey.reveal(), public_key: pair.publicKey, created_ms: clock.now() });
  return {
    get: async (name) => await find(db, name),
    keep: async (name, pair) =>
      await inTransaction(db, async (trx) => {
        const held = await find(trx, name);
        if (held !== undefined) return held;
        await trx
          .insertInto('keyring')
          .values({ name, ...row(pair) })
          .execute();
        return pair;
      }),
    replace: async (name, pair) => {
      await db
        .insertInto('keyring')
        .values({ name, ...row(pair) })
        .onConflict((c) => c.column('name').doUpdateSet(row(pair)))
        .execute();
    },
    remove: async (name) => {
      await db.deleteFrom('keyring').where('name', '=', name).execute();
    },
  };
}
