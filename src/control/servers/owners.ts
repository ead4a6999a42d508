/** Whose new servers are: who asks, somebody else, or everybody of a class. */
import { mayInHouse } from '../../core/access.ts';
import { fault } from '../../core/errors.ts';
import { parseGroupName, parsePersonName, type PersonName } from '../../core/names.ts';
import type { Store } from '../../store/store.ts';
import { type Caller, personOf } from '../caller.ts';
import type { CreateRequest } from '../control.ts';
import { refuse } from '../people/deed.ts';

type Asked = Pick<CreateRequest, 'owner' | 'owners' | 'group'>;

/** Each once, in the order named; a group's members by name. Throws `not-allowed`, `no-such-person`, `no-such-group`, `bad-request`, `bad-name`. */
export async function ownersOf(store: Store, caller: Caller, asked: Asked): Promise<readonly PersonName[]> {
  const named = await namedOwners(store, asked);
  if (named === undefined) return [await ownOwner(store, caller)];
  const others = named.filter((name) => name !== personOf(caller));
  if (others.length > 0 && !mayInHouse(caller.actor, 'create-for-others')) {
    await refuse(store, caller, { deed: 'create', detail: `for ${others.join(', ')}` });
    throw fault('not-allowed', `only staff and administrators may create servers for others; ask for your own without naming an owner`);
  }
  if (others.length < named.length) await ownOwner(store, caller);
  for (const name of others)
    if ((await store.people.get(name)) === undefined)
      throw fault('no-such-person', `there is no person "${name}"; "myserver user list" shows who there is`);
  return named;
}

async function namedOwners({ groups }: Store, { owner, owners, group }: Asked): Promise<readonly PersonName[] | undefined> {
  if ([owner, owners, group].filter((one) => one !== undefined).length > 1)
    throw fault('bad-request', 'an owner, several owners and a group were named; only one of these goes with a create');
  if (group === undefined) return owner === undefined && owners === undefined ? undefined : each([owner ?? [], owners ?? []].flat());
  const name = parseGroupName(group);
  if ((await groups.get(name)) === undefined)
    throw fault('no-such-group', `there is no group named ${name}; "myserver group list" shows those there are`);
  const members = (await groups.memberships({ group: name })).map(({ person }) => person);
  if (members.length === 0) throw fault('bad-request', `the group ${name} has no members yet: "myserver group member add ${name} PEOPLE"`);
  return members;
}

function each(names: readonly string[]): readonly PersonName[] {
  return [...new Set(names.map(parsePersonName))];
}

/** Root's go to who called sudo where that is known, which is not here: to the first administrator. */
async function ownOwner(store: Store, caller: Caller): Promise<PersonName> {
  const { actor } = caller;
  if (actor.kind === 'root') {
    const first = (await store.people.list())
      .filter(({ role }) => role === 'administrator')
      .toSorted((a, b) => a.createdMs - b.createdMs)[0];
    if (first === undefined)
      throw fault('no-such-person', 'nobody could own the server yet: add a person with "myserver user add NAME --role administrator"');
    return first.name;
  }
  if (!mayInHouse(actor, 'create')) {
    await refuse(store, caller, { deed: 'create', detail: '' });
    throw fault(
      'not-allowed',
      `${actor.name} may not create servers; an administrator can allow it with "myserver user set ${actor.name} --create"`,
    );
  }
  return actor.name;
}
