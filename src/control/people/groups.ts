/** Groups, their members and those who lead them. */
import { mayInHouse, mayLead } from '../../core/access.ts';
import { fault } from '../../core/errors.ts';
import { type GroupName, parseGroupName, parsePersonName, type PersonName } from '../../core/names.ts';
import type { Group } from '../../store/people.ts';
import type { Tables } from '../../store/store.ts';
import { type Caller, isStaff, personOf, requireAdministrator } from '../caller.ts';
import { perform } from './deed.ts';
import type { PeopleParts } from './parts.ts';

export interface ShownGroup {
  readonly group: Group;
  readonly members: readonly { readonly person: PersonName; readonly isLeader: boolean }[];
}

export interface GroupVerbs {
  /** All for staff and administrators, else those one belongs to. In order of name. */
  list(caller: Caller): Promise<readonly ShownGroup[]>;
  /** Throws `name-taken`, `bad-name`. */
  add(caller: Caller, group: { readonly name: string; readonly description?: string }): Promise<ShownGroup>;
  /** Takes every grant to it and on it along. */
  remove(caller: Caller, name: string): Promise<void>;
  /**
   * Adds a member; `isLeader` undefined leaves it as it is. Administrators may do all of it. Leaders may add and remove ordinary members: nobody who
   * leads, and no staff or administrators, because leading somebody's group may give a right on that person's servers.
   */
  setMember(caller: Caller, group: string, person: string, isLeader?: boolean): Promise<ShownGroup>;
  /** Throws `no-such-person` when they were no member. */
  removeMember(caller: Caller, group: string, person: string): Promise<void>;
}

export function makeGroupVerbs({ store, onPersonChanged }: PeopleParts): GroupVerbs {
  async function show(tables: Pick<Tables, 'groups'>, name: GroupName): Promise<ShownGroup> {
    const group = await tables.groups.get(name);
    if (group === undefined) throw fault('no-such-group', `there is no group named ${name}; "myserver group list" shows those you may see`);
    const members = (await tables.groups.memberships({ group: name })).map(({ person, isLeader }) => ({ person, isLeader }));
    return { group, members };
  }

  return {
    async list(caller) {
      const own = personOf(caller);
      const [groups, memberships] = [await store.groups.list(), await store.groups.memberships()];
      const membersOf = Map.groupBy(memberships, ({ group }) => group);
      return groups
        .map((group) => ({
          group,
          members: (membersOf.get(group.name) ?? []).map(({ person, isLeader }) => ({ person, isLeader })),
        }))
        .filter(({ members }) => isStaff(caller.actor) || members.some(({ person }) => person === own))
        .toSorted((one, other) => (one.group.name < other.group.name ? -1 : 1));
    },

    async add(caller, { name: text, description = '' }) {
      const name = parseGroupName(text);
      const group = await perform(store, caller, { deed: 'group-add', detail: name }, async ({ groups }) => {
        requireAdministrator(caller, 'add groups');
        return groups.add({ name, description });
      });
      return { group, members: [] };
    },

    async remove(caller, text) {
      const name = parseGroupName(text);
      const { members } = await perform(store, caller, { deed: 'group-remove', detail: name }, async (tables) => {
        requireAdministrator(caller, 'remove groups');
        const shown = await show(tables, name);
        await tables.groups.remove(name);
        return shown;
      });
      for (const { person } of members) onPersonChanged(person);
    },

    async setMember(caller, groupText, personText, isLeader) {
      const [group, person] = [parseGroupName(groupText), parsePersonName(personText)];
      const word = isLeader === undefined ? '' : isLeader ? ', leads' : ', does not lead';
      const shown = await perform(store, caller, { deed: 'group-member', detail: `${group}: ${person}${word}` }, async (tables) => {
        await requireMayChange(tables, caller, group, person, isLeader === true);
        const before = (await tables.groups.memberships({ group, person }))[0];
        await tables.groups.setMember({ group, person, isLeader: isLeader ?? before?.isLeader ?? false });
        return show(tables, group);
      });
      onPersonChanged(person);
      return shown;
    },

    async removeMember(caller, groupText, personText) {
      const [group, person] = [parseGroupName(groupText), parsePersonName(personText)];
      await perform(store, caller, { deed: 'group-member', detail: `${group}: without ${person}` }, async (tables) => {
        await requireMayChange(tables, caller, group, person, false);
        await show(tables, group);
        if (!(await tables.groups.removeMember(group, person))) throw fault('no-such-person', `${person} is no member of ${group}`);
      });
      onPersonChanged(person);
    },
  };
}

async function requireMayChange(tables: Tables, caller: Caller, group: GroupName, person: PersonName, makesLeader: boolean): Promise<void> {
  if (mayInHouse(caller.actor, 'manage-groups')) return;
  if (!mayLead(caller.actor, group)) throw fault('not-allowed', `only administrators and those who lead ${group} may change its members`);
  const [member] = await tables.groups.memberships({ group, person });
  if (makesLeader || member?.isLeader === true) throw fault('not-allowed', `only administrators may say who leads ${group}`);
  const target = await tables.people.get(person);
  if (target !== undefined && target.role !== 'user')
    throw fault('not-allowed', `${person} is not an ordinary user: an administrator must do that`);
}
