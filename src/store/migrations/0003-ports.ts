/** What a server says of who may come to its ports: JSON, by name of port. */
import type { Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('servers')
    .addColumn('ports', 'text', (c) => c.notNull().defaultTo('{}'))
    .execute();
}
