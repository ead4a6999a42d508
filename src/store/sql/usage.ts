import type { Insertable } from 'kysely';
import type { Generation } from '../../core/ids.ts';
import type { UsageHistory } from '../records.ts';
import type { Database, Schema } from './schema.ts';
import { type Context, inTransaction } from './transaction.ts';

/** SQLite takes so many values in one statement, and each row has seven. */
const rowsAtOnce = 500;

async function insert(db: Database, rows: readonly Insertable<Schema['usage']>[]): Promise<void> {
  const generations = rows.map(({ generation }) => generation);
  const there = await db.selectFrom('servers').select('generation').where('generation', 'in', generations).execute();
  const known = new Set(there.map(({ generation }) => generation));
  const left = rows.filter(({ generation }) => known.has(generation));
  if (left.length === 0) return;
  await db
    .insertInto('usage')
    .values(left)
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

export function makeUsageHistory({ db }: Context): UsageHistory {
  return {
    async add(samples) {
      const rows = samples.map(({ generation, atMs, memoryBytes, diskBytes, cpuSeconds, receivedBytes, sentBytes }) => ({
        generation,
        at_ms: atMs,
        memory_bytes: memoryBytes,
        disk_bytes: diskBytes ?? null,
        cpu_ms: Math.round(cpuSeconds * 1000),
        received_bytes: receivedBytes,
        sent_bytes: sentBytes,
      }));
      await inTransaction(db, async (trx) => {
        for (let at = 0; at < rows.length; at += rowsAtOnce) await insert(trx, rows.slice(at, at + rowsAtOnce));
      });
    },
    async of(generation, sinceMs) {
      const rows = await db
        .selectFrom('usage')
        .selectAll()
        .where('generation', '=', generation)
        .where('at_ms', '>=', sinceMs)
        .orderBy('at_ms')
        .execute();
      return rows.map((row) => ({
        generation: row.generation as Generation,
        atMs: row.at_ms,
        memoryBytes: row.memory_bytes,
        diskBytes: row.disk_bytes ?? undefined,
        cpuSeconds: row.cpu_ms / 1000,
        receivedBytes: row.received_bytes,
        sentBytes: row.sent_bytes,
      }));
    },
    async prune(beforeMs) {
      const { numDeletedRows } = await db.deleteFrom('usage').where('at_ms', '<', beforeMs).executeTakeFirst();
      return Number(numDeletedRows);
    },
  };
}
