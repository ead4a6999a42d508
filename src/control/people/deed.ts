/** One deed about people: done in one transaction together with its line in the audit, or refused with a line that says so. */
import { toFault } from '../../core/errors.ts';
import type { AuditLine } from '../../store/records.ts';
import type { Store, Tables } from '../../store/store.ts';
import { type Caller, originOf } from '../caller.ts';

export interface Deed {
  readonly deed: string;
  /** A sentence or less. Never secrets. */
  readonly detail: string;
  readonly server?: AuditLine['server'];
}

/** What `work` decides with the tables in hand holds at the moment of the change: nobody comes in between. */
export async function perform<T>(store: Store, caller: Caller, deed: Deed, work: (tables: Tables) => Promise<T>): Promise<T> {
  try {
    return await store.atomically(async (tables) => {
      const result = await work(tables);
      await tables.audit.append(lineOf(caller, deed, true));
      return result;
    });
  } catch (error) {
    const { code } = toFault(error);
    // "No such server" is what somebody is told who may not know of it.
    if (code === 'not-allowed' || (code === 'no-such-server' && deed.server !== undefined)) await refuse(store, caller, deed);
    throw error;
  }
}

export async function refuse(store: Store, caller: Caller, deed: Deed): Promise<void> {
  await store.audit.append(lineOf(caller, deed, false));
}

function lineOf(caller: Caller, { deed, detail, server }: Deed, allowed: boolean): Omit<AuditLine, 'number' | 'atMs'> {
  const named = server === undefined ? undefined : { id: server.id, generation: server.generation };
  return { ...originOf(caller), deed, detail, server: named, allowed };
}
