/** What the web has of servers: whether their pages are repaired (JSON, by name of port), links that let visitors in, and domains of their own. */
import type { Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('servers')
    .addColumn('repair', 'text', (c) => c.notNull().defaultTo('{}'))
    .execute();
  await db.schema
    .createTable('web_links')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('generation', 'text', (c) => c.notNull().references('servers.generation').onDelete('cascade'))
    .addColumn('door', 'text', (c) => c.notNull())
    .addColumn('key_hash', 'text', (c) => c.notNull().unique())
    .addColumn('created_by', 'text')
    .addColumn('created_ms', 'integer', (c) => c.notNull())
    .addColumn('expires_ms', 'integer', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('web_links_generation').on('web_links').column('generation').execute();
  await db.schema
    .createTable('web_domains')
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('generation', 'text', (c) => c.notNull().references('servers.generation').onDelete('cascade'))
    .addColumn('door', 'text', (c) => c.notNull())
    .addColumn('token', 'text', (c) => c.notNull())
    // Null until it is proven: then it is this server's alone.
    .addColumn('proven_name', 'text', (c) => c.unique())
    .addColumn('created_by', 'text')
    .addColumn('created_ms', 'integer', (c) => c.notNull())
    .addPrimaryKeyConstraint('web_domains_key', ['name', 'generation'])
    .execute();
  await db.schema.createIndex('web_domains_generation').on('web_domains').column('generation').execute();
}
