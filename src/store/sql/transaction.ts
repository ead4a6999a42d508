/** What all tables share: being one transaction whether or not one is under way, and numbering rows. */
import { sql } from 'kysely';
import type { Clock } from '../../base/clock.ts';
import type { Database, Schema } from './schema.ts';

/** Runs `work` in the transaction that `db` is, else in one of its own. */
export async function inTransaction<T>(db: Database, work: (trx: Database) => Promise<T>): Promise<T> {
  return db.isTransaction ? await work(db) : await db.transaction().execute(work);
}

type Numbered = { [T in keyof Schema]: Schema[T] extends { number: number } ? T : never }[keyof Schema];

/** The number of the next row, as the value of an insert. Where several programs write at once the unique column makes the second one fail, not lie. */
export function nextNumber(table: Numbered) {
  return sql<number>`(select coalesce(max(number), 0) + 1 from ${sql.table(table)})`;
}

export function bit(value: boolean): 0 | 1 {
  return value ? 1 : 0;
}

/** What each table's code works with. */
export interface Context {
  readonly db: Database;
  readonly clock: Clock;
  /** A fresh UUID. */
  readonly newId: () => string;
}
