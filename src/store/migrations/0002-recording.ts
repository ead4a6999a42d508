/** Whether a server's owner wants terminal sessions on it recorded. */
import type { Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('servers')
    .addColumn('recorded', 'integer', (c) => c.notNull().defaultTo(0))
    .execute();
}
