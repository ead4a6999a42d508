/** Who may visit which private port, worked out for all people and servers at once: what `core/access` says of each, and no more. */
import { type AccessFacts, allows, type PersonActor, rightOf } from '../../core/access.ts';
import type { Generation } from '../../core/ids.ts';
import type { PersonName } from '../../core/names.ts';
import type { GrantRecord } from '../../store/people.ts';
import type { ServerRecord } from '../../store/servers.ts';
import type { Store } from '../../store/store.ts';

/** People's names by generation. Only for the servers asked about; only people who may sign in. */
export async function readersOf(
  store: Store,
  servers: readonly ServerRecord[],
  nowMs: number,
): Promise<ReadonlyMap<Generation, readonly PersonName[]>> {
  if (servers.length === 0) return new Map();
  const [people, memberships, grants] = [await store.people.list(), await store.groups.memberships(), await store.grants.list()];
  const groupsOf = Map.groupBy(memberships, ({ person }) => person);
  const facts: AccessFacts = { grants, memberships, nowMs };
  const ownedBy = Map.groupBy(servers, ({ owner }) => owner);
  const found = new Map<Generation, PersonName[]>(servers.map(({ generation }) => [generation, []]));
  for (const { name, role, canCreate, disabled } of people) {
    if (disabled) continue;
    const actor: PersonActor = { kind: 'person', name, role, canCreate, disabled, groups: groupsOf.get(name) ?? [] };
    // Most people have nothing but their own: not every one is held against every server.
    const candidates = role !== 'user' || isNamed(grants, actor) ? servers : (ownedBy.get(name) ?? []);
    for (const record of candidates) if (allows(rightOf(actor, record, facts), 'visit')) found.get(record.generation)?.push(name);
  }
  return found;
}

function isNamed(grants: readonly GrantRecord[], actor: PersonActor): boolean {
  return grants.some(({ subject }) =>
    subject.kind === 'person' ? subject.name === actor.name : actor.groups.some(({ group }) => group === subject.name),
  );
}
