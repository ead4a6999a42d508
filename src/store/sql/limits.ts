/** What servers hold together, against an owner's quota and the host's capacity. */
import { sql } from 'kysely';
import { fault } from '../../core/errors.ts';
import { formatSize } from '../../core/sizes.ts';
import type { Limits } from '../../core/server.ts';
import type { Quota } from '../people.ts';
import type { Capacity } from '../servers.ts';
import type { Database } from './schema.ts';

/** Sums are floating point: fifty thousand disks may be more bytes than an exact number holds, and what is lost there matters to nobody. */
export async function usedBy(db: Database, owner: string | undefined): Promise<Quota> {
  const sum = (column: 'cpus' | 'memory_bytes' | 'disk_bytes') => sql<number | null>`sum(cast(${sql.ref(column)} as double precision))`;
  const all = db
    .selectFrom('servers')
    .select([
      sql<number>`count(*)`.as('servers'),
      sum('cpus').as('cpus'),
      sum('memory_bytes').as('memory_bytes'),
      sum('disk_bytes').as('disk_bytes'),
    ]);
  const row = await (owner === undefined ? all : all.where('owner', '=', owner)).executeTakeFirstOrThrow();
  return { servers: row.servers, cpus: row.cpus ?? 0, memoryBytes: row.memory_bytes ?? 0, diskBytes: row.disk_bytes ?? 0 };
}

const shown: { readonly [K in keyof Quota]: { readonly what: string; readonly show: (amount: number) => string } } = {
  servers: { what: 'servers', show: String },
  cpus: { what: 'CPUs', show: String },
  memoryBytes: { what: 'memory', show: formatSize },
  diskBytes: { what: 'disk', show: formatSize },
};

const quotaKinds = ['servers', 'cpus', 'memoryBytes', 'diskBytes'] as const satisfies readonly (keyof Quota)[];

/** What `count` servers of these limits hold. */
export function amountOf(limits: Limits, count: number): Quota {
  return { servers: count, cpus: limits.cpus * count, memoryBytes: limits.memoryBytes * count, diskBytes: limits.diskBytes * count };
}

/** The words "used", "asked" and the limit, for both sentences below. */
function figures(kind: keyof Quota, used: number, asked: number, limit: number) {
  const { what, show } = shown[kind];
  return { what, text: `${show(used)} used, ${show(asked)} more asked for, ${show(limit)} allowed` };
}

/** What grows must fit; what stays or shrinks is nobody's concern, even above the limit. Throws `quota-reached`. */
export async function checkQuota(db: Database, owner: string, asked: Quota, quota: Quota | undefined): Promise<void> {
  if (quota === undefined) return;
  const used = await usedBy(db, owner);
  for (const kind of quotaKinds) {
    if (asked[kind] <= 0 || used[kind] + asked[kind] <= quota[kind]) continue;
    const { what, text } = figures(kind, used[kind], asked[kind], quota[kind]);
    throw fault(
      'quota-reached',
      `${owner}'s quota of ${what} is reached: ${text}; ask for less, drop a server, or ask an administrator for more`,
      {
        details: { quota: kind, used: used[kind], asked: asked[kind], limit: quota[kind] },
      },
    );
  }
}

/** Throws `pool-full`. */
export async function checkCapacity(db: Database, asked: Quota, capacity: Capacity): Promise<void> {
  const used = await usedBy(db, undefined);
  for (const kind of ['cpus', 'memoryBytes', 'diskBytes'] as const) {
    const limit = capacity[kind];
    if (limit === undefined || asked[kind] <= 0 || used[kind] + asked[kind] <= limit) continue;
    const { what, text } = figures(kind, used[kind], asked[kind], limit);
    throw fault('pool-full', `this host cannot promise more ${what}: ${text}; ask for less, or tell an administrator`, {
      details: { capacity: kind, used: used[kind], asked: asked[kind], limit },
    });
  }
}
