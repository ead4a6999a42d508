import type { Selectable } from 'kysely';
import type { Generation, ServerId } from '../../core/ids.ts';
import type { PersonName, ServerName } from '../../core/names.ts';
import type { PortPolicies, RepairChoices } from '../../core/port-policy.ts';
import type { WantedState } from '../../core/server.ts';
import { fault } from '../../core/errors.ts';
import type { ServerChange, ServerRecord, Servers } from '../servers.ts';
import { onViolation } from '../violation.ts';
import type { Database, Schema } from './schema.ts';
import { bit, inTransaction, type Context } from './transaction.ts';

export function toServer(row: Selectable<Schema['servers']>): ServerRecord {
  return {
    id: row.id as ServerId,
    generation: row.generation as Generation,
    owner: row.owner as PersonName,
    admin: row.admin as PersonName,
    name: row.name === null ? undefined : (row.name as ServerName),
    system: row.system,
    type: row.type,
    limits: { memoryBytes: row.memory_bytes, cpus: row.cpus, diskBytes: row.disk_bytes },
    notes: row.notes,
    wanted: row.wanted as WantedState,
    problem: row.problem ?? undefined,
    gatewayKey: row.gateway_key === 1,
    isRecorded: row.recorded === 1,
    ports: JSON.parse(row.ports) as PortPolicies,
    repair: JSON.parse(row.repair) as RepairChoices,
    imageFingerprint: row.image_fingerprint ?? undefined,
    createdMs: row.created_ms,
  };
}

export function goneServer(): Error {
  return fault('no-such-server', 'that server is gone: it was dropped meanwhile (see "myserver list")');
}

export function nameTaken(name: string): Error {
  return fault('name-taken', `a server named ${name} exists already: choose another name`);
}

/** Throws `no-such-server`. */
export async function requireServer(db: Database, generation: Generation): Promise<ServerRecord> {
  const row = await db.selectFrom('servers').selectAll().where('generation', '=', generation).executeTakeFirst();
  if (row === undefined) throw goneServer();
  return toServer(row);
}

/** The columns that a change sets; kysely leaves out those that are undefined. */
function changed(change: ServerChange) {
  return {
    notes: change.notes,
    name: 'name' in change ? (change.name ?? null) : undefined,
    gateway_key: change.gatewayKey === undefined ? undefined : bit(change.gatewayKey),
    recorded: change.isRecorded === undefined ? undefined : bit(change.isRecorded),
    image_fingerprint: change.imageFingerprint,
    ports: change.ports === undefined ? undefined : JSON.stringify(change.ports),
    repair: change.repair === undefined ? undefined : JSON.stringify(change.repair),
  };
}

export function makeServers({ db }: Context): Servers {
  const one = async (column: 'id' | 'generation' | 'name', value: string | number): Promise<ServerRecord | undefined> => {
    const row = await db.selectFrom('servers').selectAll().where(column, '=', value).executeTakeFirst();
    return row && toServer(row);
  };

  const setWanted = async (generation: Generation, wanted: WantedState): Promise<ServerRecord> =>
    await inTransaction(db, async (trx) => {
      const server = await requireServer(trx, generation);
      if (server.wanted === 'dropping' && wanted !== 'dropping') {
        throw fault('wrong-state', `server ${server.id} is being dropped, and there is no way back from that`);
      }
      await trx.updateTable('servers').set({ wanted }).where('generation', '=', generation).execute();
      return { ...server, wanted };
    });

  const update = async (generation: Generation, change: ServerChange): Promise<ServerRecord> =>
    await inTransaction(db, async (trx) => {
      const set = changed(change);
      if (Object.values(set).some((value) => value !== undefined)) {
        const write = () => trx.updateTable('servers').set(set).where('generation', '=', generation).execute();
        await onViolation('unique', () => nameTaken(change.name ?? ''), write);
      }
      return await requireServer(trx, generation);
    });

  return {
    get: async (id) => await one('id', id),
    byGeneration: async (generation) => await one('generation', generation),
    byName: async (name) => await one('name', name),
    setWanted,
    update,
    list: async (filter = {}) => {
      const query = db.selectFrom('servers').selectAll().orderBy('id');
      const rows = await (filter.owner === undefined ? query : query.where('owner', '=', filter.owner)).execute();
      return rows.map(toServer);
    },
    setProblem: async (generation, problem) => {
      const query = db
        .updateTable('servers')
        .set({ problem: problem ?? null })
        .where('generation', '=', generation);
      if ((await query.executeTakeFirst()).numUpdatedRows === 0n) throw goneServer();
    },
  };
}
