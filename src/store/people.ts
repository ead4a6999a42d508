/** People, their public keys, groups and grants, as the store keeps them. */
import type { Secret } from '../base/secret.ts';
import type { AccessFacts, Grant, GrantSubject, GrantTarget, Membership, PersonActor, Right, Role } from '../core/access.ts';
import type { GroupName, PersonName } from '../core/names.ts';

/** What one owner may hold over all their servers together. */
export interface Quota {
  readonly servers: number;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
}

/** One person's own; what is undefined is the configuration's default. */
export type PersonQuota = { readonly [K in keyof Quota]: number | undefined };

export interface Person {
  readonly name: PersonName;
  readonly role: Role;
  readonly hasPassword: boolean;
  readonly passwordMustChange: boolean;
  readonly canCreate: boolean;
  readonly quota: PersonQuota;
  readonly disabled: boolean;
  readonly createdMs: number;
}

export interface NewPerson {
  readonly name: PersonName;
  readonly role: Role;
  /** Undefined: no password yet, so no login by password. */
  readonly passwordHash: Secret | undefined;
  readonly passwordMustChange: boolean;
  readonly canCreate: boolean;
  readonly quota: PersonQuota;
}

/** A field left out stays as it is; within `quota` too, where null goes back to the configuration's default. */
export interface PersonChange {
  readonly role?: Role;
  readonly canCreate?: boolean;
  readonly quota?: { readonly [K in keyof Quota]?: number | null };
  readonly disabled?: boolean;
}

export interface People {
  /** Throws `name-taken`. */
  add(person: NewPerson): Promise<Person>;
  get(name: PersonName): Promise<Person | undefined>;
  /** In order of name. */
  list(): Promise<readonly Person[]>;
  /** Throws `no-such-person`. */
  update(name: PersonName, change: PersonChange): Promise<Person>;
  passwordHash(name: PersonName): Promise<Secret | undefined>;
  /** Of everybody who has one. */
  passwordHashes(): Promise<ReadonlyMap<PersonName, Secret>>;
  /** Throws `no-such-person`. */
  setPassword(name: PersonName, hash: Secret, options: { readonly mustChange: boolean }): Promise<void>;
  /**
   * Takes keys, memberships, grants and tokens along and moves the person's host keys to the revoked ones: a later person of that name inherits nothing.
   * Throws `no-such-person`, and `conflict` while the person owns servers. Audit and operations keep the name.
   */
  remove(name: PersonName): Promise<void>;
  /** The person as `core/access` wants them, groups included. */
  actor(name: PersonName): Promise<PersonActor | undefined>;
}

/** A public key a person logs in with. */
export interface PersonKey {
  readonly person: PersonName;
  /** `SHA256:...` as `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
  readonly algorithm: string;
  /** The key itself in base64, the second word of an OpenSSH line. */
  readonly blob: string;
  readonly comment: string;
  readonly addedMs: number;
}

export interface PersonKeys {
  /** Throws `key-exists` when this person has it already (another person may have it too), `no-such-person`. */
  add(key: Omit<PersonKey, 'addedMs'>): Promise<PersonKey>;
  /** Oldest first. */
  list(person: PersonName): Promise<readonly PersonKey[]>;
  /** Everybody who logs in with this key. */
  byFingerprint(fingerprint: string): Promise<readonly PersonKey[]>;
  /** Throws `no-such-key`. */
  remove(person: PersonName, fingerprint: string): Promise<void>;
}

export interface Group {
  readonly name: GroupName;
  readonly description: string;
  readonly createdMs: number;
}

export interface Groups {
  /** Throws `name-taken`. */
  add(group: Pick<Group, 'name' | 'description'>): Promise<Group>;
  get(name: GroupName): Promise<Group | undefined>;
  list(): Promise<readonly Group[]>;
  /** Throws `no-such-group`. */
  describe(name: GroupName, description: string): Promise<Group>;
  /** Takes its memberships and the grants to it and on it along. Throws `no-such-group`. */
  remove(name: GroupName): Promise<void>;
  /** Adds the member or changes whether they lead. Throws `no-such-group`, `no-such-person`. */
  setMember(membership: Membership): Promise<void>;
  /** Says whether they were one. */
  removeMember(group: GroupName, person: PersonName): Promise<boolean>;
  /** All, or those of one group or of one person; in order of group, then person. */
  memberships(filter?: { readonly group?: GroupName; readonly person?: PersonName }): Promise<readonly Membership[]>;
}

export interface GrantRecord extends Grant {
  /** A UUID. Stays the same when the grant is put again with another right. */
  readonly id: string;
  /** Undefined: root. The name stays when that person goes. */
  readonly grantedBy: PersonName | undefined;
  readonly createdMs: number;
}

export interface NewGrant {
  readonly subject: GrantSubject;
  readonly target: GrantTarget;
  readonly right: Right;
  readonly expiresMs: number | undefined;
  readonly grantedBy: PersonName | undefined;
}

export interface Grants {
  /** One grant for each subject and target: a second replaces the first. Throws `no-such-person`, `no-such-group`, `no-such-server`. */
  put(grant: NewGrant): Promise<GrantRecord>;
  /** Undefined when there is none (any more). */
  get(id: string): Promise<GrantRecord | undefined>;
  /** Says whether it was there. */
  remove(id: string): Promise<boolean>;
  /** Expired ones included, until pruned. Oldest first. */
  list(filter?: { readonly subject?: GrantSubject; readonly target?: GrantTarget }): Promise<readonly GrantRecord[]>;
  /** All that `core/access` needs to decide about every server for this person. */
  factsFor(actor: PersonActor): Promise<AccessFacts>;
  /** Removes expired ones; says how many. */
  prune(): Promise<number>;
}
