/**
 * Kysely on Node's own SQLite. Kysely's SQLite dialect does the SQL; this hands it a connection of `node:sqlite`, begins transactions IMMEDIATE, so that
 * one that reads before it writes cannot find its reading outdated, and says the database's errors in our words.
 */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import {
  CompiledQuery,
  SqliteAdapter,
  SqliteDriver,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type DatabaseConnection,
  type Dialect,
  type SqliteDatabase,
} from 'kysely';
import { translateSqliteError } from './errors.ts';

/** Preparing costs more than most of our statements. Beyond this many the oldest is forgotten: only lists with filters make that many. */
const keptStatements = 300;

class NodeSqliteDriver extends SqliteDriver {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync, path: string) {
    super({ database: adapt(database, path) });
    this.#database = database;
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }

  /** SQLite may have rolled back by itself (disk full); a second rollback would throw and hide why. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#database.isTransaction) await connection.executeQuery(CompiledQuery.raw('rollback'));
  }
}

export function nodeSqliteDialect(database: DatabaseSync, path: string): Dialect {
  return {
    createDriver: () => new NodeSqliteDriver(database, path),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createAdapter: () => new SqliteAdapter(),
    createIntrospector: (db) => new SqliteIntrospector(db),
  };
}

function adapt(database: DatabaseSync, path: string): SqliteDatabase {
  const statements = new Map<string, StatementSync>();
  const attempt = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw translateSqliteError(error, path);
    }
  };
  const prepare = (sql: string): StatementSync => {
    const known = statements.get(sql);
    if (known !== undefined) return known;
    const made = database.prepare(sql);
    if (statements.size >= keptStatements) statements.delete(statements.keys().next().value ?? '');
    statements.set(sql, made);
    return made;
  };
  return {
    close: () => {
      statements.clear();
      database.close();
    },
    prepare: (sql) => {
      const statement = attempt(() => prepare(sql));
      return {
        reader: statement.columns().length > 0,
        all: (parameters) => attempt(() => statement.all(...inputs(parameters))),
        run: (parameters) => attempt(() => statement.run(...inputs(parameters))),
        iterate: (parameters) => attempt(() => statement.iterate(...inputs(parameters))),
      };
    },
  };
}

function inputs(parameters: readonly unknown[]): SQLInputValue[] {
  return parameters.map((value) => {
    if (value === null || typeof value === 'string' || typeof value === 'number') return value;
    throw new TypeError(`a column holds text or numbers, not ${typeof value}`);
  });
}
