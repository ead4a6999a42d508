/** Tokens that are renewed, each time for as long as at first: the secret before the present one, which is good for a moment longer, and afterwards tells that somebody has a copy. */
import type { Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('tokens').addColumn('former_hash', 'text').execute();
  await db.schema.alterTable('tokens').addColumn('former_until_ms', 'bigint').execute();
  await db.schema.alterTable('tokens').addColumn('lifetime_ms', 'bigint').execute();
  await db.schema.createIndex('tokens_former_hash').on('tokens').column('former_hash').unique().execute();
}
