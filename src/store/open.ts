/** Opens the store on SQLite: one file, whose lock is the proof that one process alone writes to it. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Kysely } from 'kysely';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { fault } from '../core/errors.ts';
import { writeBackup } from './backup.ts';
import { migrate } from './migrations/migrate.ts';
import type { Schema } from './sql/schema.ts';
import { makeTables } from './sql/tables.ts';
import { nodeSqliteDialect } from './sqlite/dialect.ts';
import { translateSqliteError } from './sqlite/errors.ts';
import type { Store, Tables } from './store.ts';

export interface OpenStoreOptions {
  /** The database's file; its directory is made (0700) when it is not there. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
  /** How long to wait for a former process to let go of the lock; 2,000 unless told. */
  readonly lockWaitMs?: number;
}

/** How long opening waits for a former process to let go of the lock. Shorter, and a quick restart fails; longer, and a mistake is noticed late. */
const usualLockWaitMs = 2000;

/**
 * Opens the store, making or migrating it as needed. Throws `busy` when another process has it open, `cannot-here` when a newer program made it,
 * `store-failed` when the file is no store of ours or is damaged.
 */
export async function openStore({ path, clock, log, lockWaitMs = usualLockWaitMs }: OpenStoreOptions): Promise<Store> {
  await makePrivateFile(path, log);
  await using undo = new AsyncDisposableStack();
  const database = connect(path, lockWaitMs);
  undo.defer(() => {
    if (database.isOpen) database.close();
  });
  const db = new Kysely<Schema>({ dialect: nodeSqliteDialect(database, path) });
  undo.defer(() => db.destroy());
  const meta = await migrate(db, path);
  undo.move();
  return makeStore({ db, database, path, clock, meta });
}

/** The write-ahead log beside it inherits the file's rights from SQLite. */
async function makePrivateFile(path: string, log: Log): Promise<void> {
  const directory = dirname(path);
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    if (((await stat(directory)).mode & 0o077) !== 0)
      log.warn({ directory }, 'others may look into the directory of the store: chmod 0700 is meant');
    const made = await open(path, 'wx', 0o600).catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return undefined;
      throw error;
    });
    if (made === undefined && (await stat(path)).isFile()) await chmod(path, 0o600);
    await made?.close();
  } catch (error) {
    throw fault('store-failed', `the store ${path} cannot be made or reached: look at its directory and its rights`, { cause: error });
  }
}

/** EXCLUSIVE holds SQLite's lock on the file until it is closed or the process dies, however it dies. */
function connect(path: string, lockWaitMs: number): DatabaseSync {
  const database = new DatabaseSync(path, { open: false, timeout: lockWaitMs, enableForeignKeyConstraints: true });
  try {
    database.open();
    database.exec('pragma locking_mode = exclusive; pragma journal_mode = wal; pragma synchronous = full; pragma trusted_schema = off;');
    database.exec('begin exclusive; commit;');
    return database;
  } catch (error) {
    if (database.isOpen) database.close();
    throw translateSqliteError(error, path);
  }
}

interface Parts {
  readonly db: Kysely<Schema>;
  readonly database: DatabaseSync;
  readonly path: string;
  readonly clock: Clock;
  readonly meta: { readonly installation: string; readonly schemaVersion: number };
}

function makeStore({ db, database, path, clock, meta }: Parts): Store {
  const inside: Inside = new AsyncLocalStorage();
  const context = { clock, newId: () => randomUUID() };
  const tables = guard(makeTables({ ...context, db }), inside);
  let closed: Promise<void> | undefined;

  return {
    ...tables,
    ...meta,
    atomically: async (work) => {
      refuseInside(inside);
      const scope = { isOn: true };
      try {
        return await db.transaction().execute(async (trx) => await inside.run(scope, () => work(makeTables({ ...context, db: trx }))));
      } finally {
        scope.isOn = false;
      }
    },
    backup: async (target, backupOptions = {}) => {
      refuseInside(inside);
      await writeBackup({ db, database, path }, target, backupOptions);
    },
    [Symbol.asyncDispose]: async () => {
      closed ??= close(db, database, path);
      await closed;
    },
  };
}

/** The connection's queue is first in, first out: whatever was asked for before has been done when this gets its turn. */
async function close(db: Kysely<Schema>, database: DatabaseSync, path: string): Promise<void> {
  await db.connection().execute(async () => {});
  await db.destroy();
  try {
    if (database.isOpen) database.close();
  } catch (error) {
    throw translateSqliteError(error, path);
  }
}

/** Which `atomically` the running code was started in. What was started there may outlive it, and is then free to use the store. */
type Inside = AsyncLocalStorage<{ isOn: boolean }>;

function refuseInside(inside: Inside): void {
  if (inside.getStore()?.isOn !== true) return;
  throw fault(
    'internal',
    'inside `atomically` only the tables handed in may be used: the store itself would wait for the end of that work',
  );
}

/** Makes a call of the store from inside `atomically` an error instead of a wait without end. */
function guard(tables: Tables, inside: Inside): Tables {
  const handler: ProxyHandler<object> = {
    get: (table, name, receiver) => {
      refuseInside(inside);
      return Reflect.get(table, name, receiver) as unknown;
    },
  };
  return Object.fromEntries(
    Object.entries(tables).map(([name, table]) => [name, new Proxy(table as object, handler)]),
  ) as unknown as Tables;
}
