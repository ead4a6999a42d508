/** People: adding, changing, removing, passwords. */
import { Secret } from '../../base/secret.ts';
import { mayInHouse, type Role } from '../../core/access.ts';
import { fault } from '../../core/errors.ts';
import { parsePersonName, type PersonName } from '../../core/names.ts';
import type { Person, PersonChange, Quota } from '../../store/people.ts';
import type { Tables } from '../../store/store.ts';
import { type Caller, personOf, requireAdministrator } from '../caller.ts';
import { makeOneTimePassword } from '../one-time-password.ts';
import { perform } from './deed.ts';
import { hashPassword } from './password-hash.ts';
import { requireGoodPassword } from './password-rule.ts';
import type { PeopleParts } from './parts.ts';
import type { SignIn } from './sign-in.ts';

export interface ShownPerson {
  readonly person: Person;
  readonly used: Quota;
  readonly groups: readonly string[];
}

export interface AddRequest {
  readonly name: string;
  readonly role?: Role;
  readonly canCreate?: boolean;
  readonly quota?: { readonly [K in keyof Quota]?: number | null };
  /** Whoever gives it knows it, so it must be changed at the first sign-in too. Undefined: one is made. */
  readonly password?: Secret;
}

export interface PasswordRequest {
  readonly current?: Secret;
  readonly next?: Secret;
}

export interface PersonVerbs {
  /** Undefined for root. */
  me(caller: Caller): Promise<ShownPerson | undefined>;
  /** Staff and administrators see all, others themselves. In order of name. */
  list(caller: Caller): Promise<readonly ShownPerson[]>;
  /** The password where one was made: shown once, kept nowhere. Throws `name-taken`, `bad-name`, `bad-request`. */
  add(caller: Caller, request: AddRequest): Promise<{ readonly shown: ShownPerson; readonly password: Secret | undefined }>;
  /** Throws `conflict` for what would leave no administrator. Disabling ends all tokens. */
  change(caller: Caller, name: string, change: PersonChange): Promise<ShownPerson>;
  /** Throws `conflict` while they own servers, and for the last administrator. */
  remove(caller: Caller, name: string): Promise<void>;
  /**
   * One's own: `current` and `next`. Another's, by administrators: `next`, or one is made and given back; it must be changed at the first sign-in.
   * Ends all of that person's tokens but the one that asks. Throws `wrong-password`, `too-many-tries`, `bad-request`.
   */
  password(caller: Caller, name: string, request: PasswordRequest): Promise<Secret | undefined>;
}

const nothing: Quota = { servers: 0, cpus: 0, memoryBytes: 0, diskBytes: 0 };

export function makePersonVerbs(parts: PeopleParts, signIn: SignIn): PersonVerbs {
  const { store, random, onPersonChanged } = parts;

  async function show(person: Person): Promise<ShownPerson> {
    const [used, memberships] = [await store.leases.used(person.name), await store.groups.memberships({ person: person.name })];
    return { person, used, groups: memberships.map(({ group }) => group) };
  }

  return {
    async me(caller) {
      const name = personOf(caller);
      return name === undefined ? undefined : show(await required(store, name));
    },

    async list(caller) {
      const own = personOf(caller);
      if (own !== undefined && !mayInHouse(caller.actor, 'see-people')) return [await show(await required(store, own))];
      const [people, servers, memberships] = [await store.people.list(), await store.servers.list(), await store.groups.memberships()];
      const serversOf = Map.groupBy(servers, ({ owner }) => owner);
      const groupsOf = Map.groupBy(memberships, ({ person }) => person);
      return people.map((person) => ({
        person,
        used: (serversOf.get(person.name) ?? []).reduce(
          (sum, { limits }) => ({
            servers: sum.servers + 1,
            cpus: sum.cpus + limits.cpus,
            memoryBytes: sum.memoryBytes + limits.memoryBytes,
            diskBytes: sum.diskBytes + limits.diskBytes,
          }),
          nothing,
        ),
        groups: (groupsOf.get(person.name) ?? []).map(({ group }) => group),
      }));
    },

    async add(caller, { name: text, role = 'user', canCreate = true, quota = {}, password }) {
      const name = parsePersonName(text);
      if (password !== undefined) requireGoodPassword(password, name);
      const made = password === undefined ? new Secret(makeOneTimePassword()) : undefined;
      const deed = { deed: 'user-add', detail: `${name}, ${role}` };
      // The hash costs: not for those who may not ask for it.
      const passwordHash = mayInHouse(caller.actor, 'manage-people')
        ? await hashPassword(made ?? password ?? new Secret(''), random)
        : undefined;
      const person = await perform(store, caller, deed, async ({ people }) => {
        requireAdministrator(caller, 'add people');
        return people.add({ name, role, passwordHash, passwordMustChange: true, canCreate, quota: quotaFrom(quota) });
      });
      return { shown: await show(person), password: made };
    },

    async change(caller, text, change) {
      const name = parsePersonName(text);
      const person = await perform(store, caller, { deed: 'user-set', detail: `${name}: ${describe(change)}` }, async (tables) => {
        requireAdministrator(caller, 'change people');
        const now = await required(tables, name);
        const staysOne = (change.role ?? now.role) === 'administrator' && !(change.disabled ?? now.disabled);
        if (!staysOne) await requireAnotherAdministrator(tables, now);
        if (change.disabled === true) await tables.tokens.revokeAll(name);
        return tables.people.update(name, change);
      });
      onPersonChanged(name);
      return show(person);
    },

    async remove(caller, text) {
      const name = parsePersonName(text);
      await perform(store, caller, { deed: 'user-remove', detail: name }, async (tables) => {
        requireAdministrator(caller, 'remove people');
        await requireAnotherAdministrator(tables, await required(tables, name));
        await tables.people.remove(name);
      });
      onPersonChanged(name);
    },

    password: (caller, text, request) => changePassword(parts, signIn, caller, parsePersonName(text), request),
  };
}

async function changePassword(
  { store, random, onPersonChanged }: PeopleParts,
  signIn: SignIn,
  caller: Caller,
  name: PersonName,
  { current, next }: PasswordRequest,
): Promise<Secret | undefined> {
  const isOwn = personOf(caller) === name;
  const deed = { deed: 'person-password', detail: isOwn ? 'own' : `of ${name}` };
  if (!isOwn && !mayInHouse(caller.actor, 'manage-people')) {
    await perform(store, caller, deed, () => Promise.reject(fault('not-allowed', "only administrators may set another person's password")));
  }
  if (isOwn && (next === undefined || current === undefined)) {
    throw fault('bad-request', 'to change your own password, give the present one ("current") and the new one ("next")');
  }
  if (next !== undefined) requireGoodPassword(next, name);
  if (isOwn && current !== undefined) {
    await signIn.confirm(name, current, caller);
    if (current.reveal() === next?.reveal()) throw fault('bad-request', 'the new password is the present one; choose another');
  } else await required(store, name);
  const made = next === undefined ? new Secret(makeOneTimePassword()) : undefined;
  const hash = await hashPassword(next ?? made ?? new Secret(''), random);
  if (isOwn) caller.keepSignedIn?.(hash);
  await perform(store, caller, deed, async ({ people, tokens }) => {
    await people.setPassword(name, hash, { mustChange: !isOwn });
    for (const token of await tokens.list(name)) {
      if (!token.revoked && !(isOwn && token.id === caller.tokenId)) await tokens.revoke(token.id);
    }
  });
  onPersonChanged(name);
  return made;
}

async function required({ people }: Pick<Tables, 'people'>, name: PersonName): Promise<Person> {
  const person = await people.get(name);
  if (person === undefined) throw fault('no-such-person', `there is no person named ${name}; "myserver user list" shows all`);
  return person;
}

/** Without one, only root on the host could let anybody in again. */
async function requireAnotherAdministrator({ people }: Pick<Tables, 'people'>, person: Person): Promise<void> {
  if (person.role !== 'administrator' || person.disabled) return;
  const others = (await people.list()).filter((other) => other.role === 'administrator' && !other.disabled && other.name !== person.name);
  if (others.length === 0) {
    throw fault(
      'conflict',
      `${person.name} is the last administrator; make somebody else one first (myserver user set NAME --role administrator)`,
    );
  }
}

function quotaFrom(quota: NonNullable<AddRequest['quota']>): Person['quota'] {
  const { servers, cpus, memoryBytes, diskBytes } = quota;
  return {
    servers: servers ?? undefined,
    cpus: cpus ?? undefined,
    memoryBytes: memoryBytes ?? undefined,
    diskBytes: diskBytes ?? undefined,
  };
}

function describe({ quota, ...rest }: PersonChange): string {
  const changes = Object.entries({ ...rest, ...quota }).filter(([, value]) => value !== undefined);
  return changes.map(([key, value]) => `${key} ${value ?? 'default'}`).join(', ') || 'nothing';
}
