/** Brings a database to the newest shape. Each migration is a file, is never changed once released, and runs once, whole or not at all. */
import { randomUUID } from 'node:crypto';
import type { Kysely } from 'kysely';
import { fault } from '../../core/errors.ts';
import type { Schema } from '../sql/schema.ts';
import { up as first } from './0001-first.ts';
import { up as recording } from './0002-recording.ts';
import { up as ports } from './0003-ports.ts';
import { up as web } from './0004-web.ts';
import { up as renewal } from './0005-renewal.ts';
import { up as usage } from './0006-usage.ts';

/** In order; a migration's number is its place, beginning with 1. */
const migrations: readonly ((db: Kysely<unknown>) => Promise<void>)[] = [first, recording, ports, web, renewal, usage];

export const newestSchema = migrations.length;

export interface Meta {
  readonly installation: string;
  readonly schemaVersion: number;
}

/** Throws `cannot-here` when a newer program made the database and `store-failed` when it is none of ours. `path` is for the sentences. */
export async function migrate(db: Kysely<Schema>, path: string): Promise<Meta> {
  return await db.transaction().execute(async (trx) => {
    const tables = await trx.introspection.getTables();
    const isNew = tables.length === 0;
    if (isNew) {
      await trx.schema
        .createTable('meta')
        .addColumn('key', 'text', (c) => c.primaryKey().notNull())
        .addColumn('value', 'text', (c) => c.notNull())
        .execute();
      await trx
        .insertInto('meta')
        .values([
          { key: 'installation', value: randomUUID() },
          { key: 'schema', value: '0' },
        ])
        .execute();
    } else if (!tables.some((table) => table.name === 'meta')) {
      throw fault('store-failed', `the file ${path} is a database, but not a store of myserver: give another path, or move that file away`);
    }
    const meta = new Map((await trx.selectFrom('meta').selectAll().execute()).map((row) => [row.key, row.value]));
    const installation = meta.get('installation');
    const version = Number(meta.get('schema'));
    if (installation === undefined || !Number.isSafeInteger(version)) {
      throw fault('store-failed', `the store ${path} does not say which installation it belongs to: put a backup in its place`);
    }
    if (version > newestSchema) {
      throw fault(
        'cannot-here',
        `the store ${path} was made by a newer myserver (its shape is ${version}, this one knows ${newestSchema}): install the newer program, or put an older backup in its place`,
      );
    }
    for (const up of migrations.slice(version)) await up(trx as unknown as Kysely<unknown>);
    await trx
      .updateTable('meta')
      .set({ value: String(newestSchema) })
      .where('key', '=', 'schema')
      .execute();
    return { installation, schemaVersion: newestSchema };
  });
}
