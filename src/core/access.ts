/**
 * Who may do what: the one decision that every door asks (REST, SSH, portal, root's socket). Pure: the caller brings the facts.
 *
 * The ladder, each step containing those below it:
 * - `none`: does not learn that the server exists (doors answer "no such server", never "not allowed").
 * - `list`: sees it in lists: ID, owner, status.
 * - `read`: sees its details, ways in, operations and private pages.
 * - `write`: enters it (bastion, console, tunnels) and changes its notes.
 * - `control`: start, stop, kill, restart, set, password.
 * - `all`: drop and share; what the owner has.
 */
import { unreachable } from '../base/brand.ts';
import { fault } from './errors.ts';
import { type Generation, type ServerId, shorten } from './ids.ts';
import type { GroupName, PersonName } from './names.ts';

export const rights = ['none', 'list', 'read', 'write', 'control', 'all'] as const;
export type Right = (typeof rights)[number];

export const roles = ['user', 'staff', 'administrator'] as const;
export type Role = (typeof roles)[number];

export interface ActorGroup {
  readonly group: GroupName;
  readonly isLeader: boolean;
}

export interface PersonActor {
  readonly kind: 'person';
  readonly name: PersonName;
  readonly role: Role;
  readonly canCreate: boolean;
  /** May do nothing at all, whatever else is said. */
  readonly disabled: boolean;
  readonly groups: readonly ActorGroup[];
}

/** Whoever opened `root.sock` is root on the host; nothing can be kept from them. */
export type Actor = PersonActor | { readonly kind: 'root' };

export type GrantSubject = { readonly kind: 'person'; readonly name: PersonName } | { readonly kind: 'group'; readonly name: GroupName };

export type GrantTarget =
  | { readonly kind: 'server'; readonly generation: Generation }
  /** Every server whose owner is a member of the group. */
  | { readonly kind: 'group'; readonly name: GroupName }
  | { readonly kind: 'all' };

export interface Grant {
  readonly subject: GrantSubject;
  readonly target: GrantTarget;
  readonly right: Right;
  /** Counts for nothing from this instant on. */
  readonly expiresMs: number | undefined;
}

export interface Membership extends ActorGroup {
  readonly person: PersonName;
}

/** What the decision needs beside the actor. More than needed does no harm: what does not concern the actor is passed over. */
export interface AccessFacts {
  readonly grants: readonly Grant[];
  /** Of the servers' owners. */
  readonly memberships: readonly Membership[];
  readonly nowMs: number;
}

/** What of a server the decision needs. */
export interface Target {
  readonly id: ServerId;
  readonly generation: Generation;
  readonly owner: PersonName;
}

/** What each deed on a server needs. */
const needed = {
  list: 'list',
  info: 'read',
  /** A server's private pages, as a visitor of the web. */
  visit: 'read',
  operations: 'read',
  /** Bastion, console, tunnels, files. */
  enter: 'write',
  notes: 'write',
  start: 'control',
  stop: 'control',
  kill: 'control',
  restart: 'control',
  set: 'control',
  password: 'control',
  drop: 'all',
  share: 'all',
} as const satisfies Record<string, Right>;

export type Deed = keyof typeof needed;

export const deeds = Object.keys(needed) as readonly Deed[];

export function allows(right: Right, deed: Deed): boolean {
  return isAtLeast(right, needed[deed]);
}

export function isAtLeast(right: Right, other: Right): boolean {
  return rights.indexOf(right) >= rights.indexOf(other);
}

/** Throws `bad-request`. */
export function parseRight(text: string): Right {
  const right = rights.find((known) => known === text);
  if (right === undefined) throw fault('bad-request', `"${shorten(text)}" is not a right: choose one of ${rights.join(', ')}`);
  return right;
}

/**
 * The actor's right on a server: the higher of what they have by themselves and what was granted.
 * By themselves: root, administrators and the owner `all`; staff `read` everywhere and `control` where the owner is in a group they lead; others nothing.
 * A disabled person has nothing, not even on their own servers.
 */
export function rightOf(actor: Actor, server: Target, facts: AccessFacts): Right {
  if (actor.kind === 'root') return 'all';
  if (actor.disabled) return 'none';
  const own = ownRight(actor, server, facts);
  const granted = grantedRight(actor, server, facts);
  return isAtLeast(own, granted) ? own : granted;
}

function ownRight(actor: PersonActor, server: Target, facts: AccessFacts): Right {
  if (server.owner === actor.name) return 'all';
  switch (actor.role) {
    case 'administrator':
      return 'all';
    case 'staff':
      return actor.groups.some(({ group, isLeader }) => isLeader && isMember(facts, group, server.owner)) ? 'control' : 'read';
    case 'user':
      return 'none';
    default:
      return unreachable(actor.role);
  }
}

/**
 * The most specific grant holds, even where it gives less: first by whom it names (a person before a group), then by what (a server before a group before
 * all). So `none` to a person shuts them out of what their group was given. Among equals (several groups) the highest holds.
 */
function grantedRight(actor: PersonActor, server: Target, facts: AccessFacts): Right {
  let best: { readonly specificity: number; readonly right: Right } = { specificity: -1, right: 'none' };
  for (const grant of facts.grants) {
    if (grant.expiresMs !== undefined && grant.expiresMs <= facts.nowMs) continue;
    if (!names(grant.subject, actor) || !covers(grant.target, server, facts)) continue;
    const specificity = (grant.subject.kind === 'person' ? 3 : 0) + { server: 2, group: 1, all: 0 }[grant.target.kind];
    const isBetter = specificity > best.specificity || (specificity === best.specificity && isAtLeast(grant.right, best.right));
    if (isBetter) best = { specificity, right: grant.right };
  }
  return best.right;
}

function names(subject: GrantSubject, actor: PersonActor): boolean {
  return subject.kind === 'person' ? subject.name === actor.name : actor.groups.some(({ group }) => group === subject.name);
}

function covers(target: GrantTarget, server: Target, facts: AccessFacts): boolean {
  switch (target.kind) {
    case 'server':
      return target.generation === server.generation;
    case 'group':
      return isMember(facts, target.name, server.owner);
    case 'all':
      return true;
    default:
      return unreachable(target);
  }
}

/** Membership by group, made once for each set of facts: a list asks for a thousand servers. */
const indexes = new WeakMap<AccessFacts, ReadonlyMap<GroupName, ReadonlySet<PersonName>>>();

function isMember(facts: AccessFacts, group: GroupName, person: PersonName): boolean {
  let index = indexes.get(facts);
  if (index === undefined) {
    const byGroup = Map.groupBy(facts.memberships, (membership) => membership.group);
    index = new Map([...byGroup].map(([name, members]) => [name, new Set(members.map((membership) => membership.person))]));
    indexes.set(facts, index);
  }
  return index.get(group)?.has(person) ?? false;
}

/** What is done to the house and not to one server. */
export type HouseDeed =
  | 'create'
  | 'create-for-others'
  | 'see-people'
  | 'manage-people'
  | 'manage-groups'
  | 'manage-images'
  | 'see-audit'
  | 'mend';

export function mayInHouse(actor: Actor, deed: HouseDeed): boolean {
  if (actor.kind === 'root') return true;
  if (actor.disabled) return false;
  if (actor.role === 'administrator') return true;
  switch (deed) {
    case 'create':
      return actor.canCreate;
    case 'see-people':
      return actor.role === 'staff';
    case 'create-for-others':
      return actor.role === 'staff' && actor.canCreate;
    case 'manage-people':
    case 'manage-groups':
    case 'manage-images':
    case 'see-audit':
    case 'mend':
      return false;
    default:
      return unreachable(deed);
  }
}

/** Members of a group are set by administrators and by those who lead it. */
export function mayLead(actor: Actor, group: GroupName): boolean {
  if (mayInHouse(actor, 'manage-groups')) return true;
  return actor.kind === 'person' && !actor.disabled && actor.groups.some((own) => own.group === group && own.isLeader);
}
