/** What running servers used, now and then: a day of it. CPU time and traffic are counts since the server's start. */
import type { Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('usage')
    .addColumn('generation', 'text', (c) => c.notNull().references('servers.generation').onDelete('cascade'))
    .addColumn('at_ms', 'integer', (c) => c.notNull())
    .addColumn('memory_bytes', 'integer', (c) => c.notNull())
    .addColumn('disk_bytes', 'integer')
    .addColumn('cpu_ms', 'integer', (c) => c.notNull())
    .addColumn('received_bytes', 'integer', (c) => c.notNull())
    .addColumn('sent_bytes', 'integer', (c) => c.notNull())
    .addPrimaryKeyConstraint('usage_key', ['generation', 'at_ms'])
    .execute();
  await db.schema.createIndex('usage_at').on('usage').column('at_ms').execute();
}
