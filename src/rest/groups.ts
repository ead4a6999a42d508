/** Calls about groups and about what was granted. */
import { fault } from '../core/errors.ts';
import { shorten } from '../core/ids.ts';
import type { HandlerParts, Handlers } from './handler.ts';
import { grantView, groupView } from './views.ts';

export function groupHandlers({
  people: { groups },
}: HandlerParts): Pick<Handlers, 'listGroups' | 'addGroup' | 'removeGroup' | 'setMember' | 'removeMember'> {
  return {
    listGroups: async ({ caller }) => ({ groups: (await groups.list(caller)).map(groupView) }),
    addGroup: async ({ caller, body }) => ({ group: groupView(await groups.add(caller, body)) }),
    async removeGroup({ caller, params }) {
      await groups.remove(caller, params.name);
      return undefined;
    },
    setMember: async ({ caller, params, body }) => ({
      group: groupView(await groups.setMember(caller, params.name, params.person, body.isLeader)),
    }),
    async removeMember({ caller, params }) {
      await groups.removeMember(caller, params.name, params.person);
      return undefined;
    },
  };
}

export function grantHandlers({ people: { grants } }: HandlerParts): Pick<Handlers, 'listGrants' | 'addGrant' | 'removeGrant'> {
  return {
    listGrants: async ({ caller, query }) => ({ grants: (await grants.list(caller, query)).map(grantView) }),
    async addGrant({ caller, body: { expiresAt, ...rest } }) {
      const request = expiresAt === undefined ? rest : { ...rest, expiresMs: parseTime(expiresAt) };
      return { grant: grantView(await grants.add(caller, request)) };
    },
    async removeGrant({ caller, params }) {
      await grants.remove(caller, params.id);
      return undefined;
    },
  };
}

/** ISO 8601 with its zone: a time without one means something else on each machine. */
function parseTime(text: string): number {
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d)$/u.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw fault('bad-request', `"${shorten(text)}" is not a time: write for example 2027-01-31T18:00:00Z`);
  return ms;
}
