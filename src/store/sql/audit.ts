import type { Selectable } from 'kysely';
import type { Generation, ServerId } from '../../core/ids.ts';
import type { PersonName } from '../../core/names.ts';
import type { Audit, AuditLine, AuditVia } from '../records.ts';
import type { Schema } from './schema.ts';
import { bit, nextNumber, type Context } from './transaction.ts';

/** A line is for reading: what a stranger sent as a name or a path does not fill the disk. */
const longestDetail = 2000;
/** Who wrote most of these is who makes the audit long. */
const newestLooked = 10_000;

function toLine(row: Selectable<Schema['audit']>): AuditLine {
  const { server_id: id, generation } = row;
  return {
    number: row.number,
    atMs: row.at_ms,
    person: row.person === null ? undefined : (row.person as PersonName),
    via: row.via as AuditVia,
    fromAddress: row.from_address ?? undefined,
    deed: row.deed,
    server: id === null || generation === null ? undefined : { id: id as ServerId, generation: generation as Generation },
    allowed: row.allowed === 1,
    detail: row.detail,
  };
}

export async function appendAudit({ db, clock }: Context, line: Omit<AuditLine, 'number' | 'atMs'>): Promise<void> {
  await db
    .insertInto('audit')
    .values({
      number: nextNumber('audit'),
      at_ms: clock.now(),
      person: line.person ?? null,
      via: line.via,
      from_address: line.fromAddress ?? null,
      deed: line.deed,
      server_id: line.server?.id ?? null,
      generation: line.server?.generation ?? null,
      allowed: bit(line.allowed),
      detail: line.detail.slice(0, longestDetail),
    })
    .execute();
}

/** Counted only where there may be many: numbers have no gaps until somebody's lines were thinned. */
async function lines(db: Context['db'], many: number): Promise<number> {
  const { first, last } = await db
    .selectFrom('audit')
    .select(({ fn }) => [fn.min('number').as('first'), fn.max('number').as('last')])
    .executeTakeFirstOrThrow();
  const most = last - first + 1;
  if (most <= many) return most;
  return (
    await db
      .selectFrom('audit')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow()
  ).count;
}

export function makeAudit(context: Context): Audit {
  return {
    append: async (line) => await appendAudit(context, line),
    list: async (filter = {}) => {
      let query = context.db
        .selectFrom('audit')
        .selectAll()
        .orderBy('number', 'desc')
        .limit(filter.limit ?? 100);
      if (filter.person !== undefined) query = query.where('person', '=', filter.person);
      if (filter.serverId !== undefined) query = query.where('server_id', '=', filter.serverId);
      if (filter.generation !== undefined) query = query.where('generation', '=', filter.generation);
      if (filter.deed !== undefined) query = query.where('deed', '=', filter.deed);
      if (filter.allowed !== undefined) query = query.where('allowed', '=', bit(filter.allowed));
      if (filter.fromMs !== undefined) query = query.where('at_ms', '>=', filter.fromMs);
      if (filter.untilMs !== undefined) query = query.where('at_ms', '<', filter.untilMs);
      if (filter.before !== undefined) query = query.where('number', '<', filter.before);
      return (await query.execute()).map(toLine);
    },
    prune: async (beforeMs, most) => {
      const { db } = context;
      const newest = db.selectFrom('audit').select(({ fn }) => fn.max('number').as('number'));
      // By number, which has an index, and not by time: so this costs the same however long the audit is.
      const oldest = db.selectFrom('audit').select(['number', 'at_ms']).orderBy('number').limit(most).as('oldest');
      const old = db.selectFrom(oldest).select('number').where('at_ms', '<', beforeMs);
      const query = db.deleteFrom('audit').where('number', 'in', old).where('number', '<', newest);
      return Number((await query.executeTakeFirst()).numDeletedRows);
    },
    thin: async (kept, most) => {
      const { db } = context;
      const excess = (await lines(db, kept)) - kept;
      if (excess <= 0) return 0;
      const newest = db.selectFrom('audit').select(['number', 'person']).orderBy('number', 'desc').limit(newestLooked).as('newest');
      const writer = await db
        .selectFrom(newest)
        .select(({ fn }) => ['person', fn.max('number').as('last')])
        .groupBy('person')
        .orderBy(({ fn }) => fn.countAll(), 'desc')
        .orderBy('last', 'desc')
        .executeTakeFirstOrThrow();
      const theirs = db
        .selectFrom('audit')
        .select('number')
        .where('person', 'is', writer.person)
        .where('number', '<', writer.last)
        .orderBy('number')
        .limit(Math.min(excess, most));
      return Number((await db.deleteFrom('audit').where('number', 'in', theirs).executeTakeFirst()).numDeletedRows);
    },
  };
}
