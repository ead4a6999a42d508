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
import type { Generation, ServerId } from './ids.ts';
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
