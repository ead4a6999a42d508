/** Calls about groups and about what was granted. */
import type { HandlerParts, Handlers } from './handler.ts';
import { parseTime } from './times.ts';
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
