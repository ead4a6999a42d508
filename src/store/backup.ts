/** An online copy of the store into a file of its own. */
import { lstat, open, rename, rm, stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { backup as copyOnline, type DatabaseSync } from 'node:sqlite';
import type { Kysely } from 'kysely';
import { messageOf } from '../base/fault.ts';
import { fault } from '../core/errors.ts';
import type { Schema } from './sql/schema.ts';
import { translateSqliteError } from './sqlite/errors.ts';
import type { BackupOptions } from './store.ts';

/** In one step: while the connection is held, pausing between steps would only make others wait longer. */
const everyPage = 2 ** 30;

interface Source {
  readonly db: Kysely<Schema>;
  readonly database: DatabaseSync;
  /** The store's own file. */
  readonly path: string;
}

export async function writeBackup({ db, database, path }: Source, target: string, { replaces = false }: BackupOptions): Promise<void> {
  if (!isAbsolute(target)) throw fault('bad-request', `a backup needs an absolute path, and "${target}" is none`);
  await refuseTaken(path, target, replaces);
  const partial = `${target}.partial`;
  await using undo = new AsyncDisposableStack();
  try {
    await rm(partial, { force: true });
    undo.defer(() => rm(partial, { force: true }));
    await (await open(partial, 'wx', 0o600)).close();
  } catch (error) {
    throw fault('bad-request', `no backup can be written to ${target}: ${messageOf(error)}`, { cause: error });
  }
  // The one connection is held meanwhile, so that no half-done transaction gets into the copy.
  await db.connection().execute(async () => {
    await copyOnline(database, partial, { rate: everyPage }).catch((error: unknown) => {
      throw translateSqliteError(error, partial);
    });
  });
  const file = await open(partial, 'r');
  await file.sync();
  await file.close();
  await rename(partial, target);
}

/** Only another plain file is ever replaced: not the store itself or what SQLite keeps beside it, no device, and no link to any of them. */
async function refuseTaken(path: string, target: string, replaces: boolean): Promise<void> {
  const there = await lstat(target).catch(() => undefined);
  if (there === undefined) return;
  if (!replaces)
    throw fault('conflict', `a backup was to be written to ${target}, but there is a file already: give another path, or say --force`);
  const own = await Promise.all([path, `${path}-wal`, `${path}-shm`].map(async (file) => await stat(file).catch(() => undefined)));
  if (own.some((file) => file?.ino === there.ino && file.dev === there.dev))
    throw fault('bad-request', `${target} is the store itself, and no place for its backup: give another path`);
  if (!there.isFile()) throw fault('bad-request', `${target} is no plain file, so it is not replaced: give another path`);
}
