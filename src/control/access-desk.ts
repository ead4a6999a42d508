/** Where control asks `core/access`, with the facts of the store, and writes down every refusal. */
import type { Clock } from '../base/clock.ts';
import { type AccessFacts, allows, type Deed, type Right, rightOf } from '../core/access.ts';
import { fault } from '../core/errors.ts';
import type { Plan } from '../core/plan.ts';
import type { ServerRecord } from '../store/servers.ts';
import type { Store } from '../store/store.ts';
import { type Caller, originOf } from './caller.ts';

export interface AccessDesk {
  /** A function that says the caller's right on any server, by facts read once: for lists. */
  judge(caller: Caller): Promise<(server: ServerRecord) => Right>;
  /**
   * The server with that ID when the caller may do `deed` to it. Throws `bad-id`, `no-such-server` (also where the caller may not know that it exists),
   * `not-allowed`. Refusals are audited here; the deed itself by who does it.
   */
  require(caller: Caller, id: number, deed: Deed): Promise<{ readonly record: ServerRecord; readonly right: Right }>;
  /** One audit line about a server for a deed that was done. */
  wrote(caller: Caller, record: ServerRecord, deed: string, detail?: string): Promise<void>;
}

export function makeAccessDesk({ store, plan, clock }: { readonly store: Store; readonly plan: Plan; readonly clock: Clock }): AccessDesk {
  async function factsFor(caller: Caller): Promise<AccessFacts> {
    if (caller.actor.kind === 'root') return { grants: [], memberships: [], nowMs: clock.now() };
    return await store.grants.factsFor(caller.actor);
  }

  async function wrote(caller: Caller, record: ServerRecord, deed: string, detail = '', allowed = true): Promise<void> {
    const server = { id: record.id, generation: record.generation };
    await store.audit.append({ ...originOf(caller), deed, server, allowed, detail });
  }

  return {
    async judge(caller) {
      const facts = await factsFor(caller);
      return (server) => rightOf(caller.actor, server, facts);
    },

    async require(caller, id, deed) {
      const serverId = plan.requireId(id);
      const record = await store.servers.get(serverId);
      const right = record === undefined ? 'none' : rightOf(caller.actor, record, await factsFor(caller));
      if (record === undefined || right === 'none') {
        if (record !== undefined) await wrote(caller, record, deed, 'no right to know of it', false);
        throw fault('no-such-server', `there is no server ${id} that you could use; "myserver list" shows yours`, { details: { id } });
      }
      if (!allows(right, deed)) {
        await wrote(caller, record, deed, `has only the right "${right}"`, false);
        throw fault(
          'not-allowed',
          `server ${id} belongs to ${record.owner}, and you have only the right "${right}" on it; ask ${record.owner} to share more`,
          {
            details: { id },
          },
        );
      }
      return { record, right };
    },

    wrote: async (caller, record, deed, detail) => await wrote(caller, record, deed, detail),
  };
}
