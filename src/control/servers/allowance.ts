/** How much may be held: by one person, and by all servers of this host together. */
import type { PersonName } from '../../core/names.ts';
import type { Quota } from '../../store/people.ts';
import type { Capacity } from '../../store/servers.ts';
import type { ServerParts } from './settings.ts';

/** The person's own quota, and the configuration's for what that leaves open. */
export async function quotaOf({ store, settings }: Pick<ServerParts, 'store' | 'settings'>, person: PersonName): Promise<Quota> {
  const own = (await store.people.get(person))?.quota;
  return {
    servers: own?.servers ?? settings.quota.servers,
    cpus: own?.cpus ?? settings.quota.cpus,
    memoryBytes: own?.memoryBytes ?? settings.quota.memoryBytes,
    diskBytes: own?.diskBytes ?? settings.quota.diskBytes,
  };
}

/** The host's promises to all servers: its means times the stated overcommit. */
export async function capacityOf({ engine, hands, settings }: ServerParts): Promise<Capacity> {
  const { pool } = await engine.facts();
  return {
    memoryBytes: Math.floor(hands.means.memoryBytes * settings.overcommit.memory),
    cpus: Math.floor(hands.means.cpus * settings.overcommit.cpus),
    diskBytes: Math.floor(pool.totalBytes * settings.overcommit.disk),
  };
}
