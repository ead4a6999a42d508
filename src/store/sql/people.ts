import type { Selectable } from 'kysely';
import { Secret } from '../../base/secret.ts';
import type { GroupName, PersonName } from '../../core/names.ts';
import type { PersonActor, Role } from '../../core/access.ts';
import { fault } from '../../core/errors.ts';
import type { NewPerson, People, Person, PersonChange } from '../people.ts';
import { onViolation } from '../violation.ts';
import { revokeHostKeys } from './host-keys.ts';
import type { Schema } from './schema.ts';
import { bit, inTransaction, type Context } from './transaction.ts';

function toPerson(row: Selectable<Schema['people']>): Person {
  return {
    name: row.name as PersonName,
    role: row.role as Role,
    hasPassword: row.password_hash !== null,
    passwordMustChange: row.password_must_change === 1,
    canCreate: row.can_create === 1,
    quota: {
      servers: row.quota_servers ?? undefined,
      cpus: row.quota_cpus ?? undefined,
      memoryBytes: row.quota_memory_bytes ?? undefined,
      diskBytes: row.quota_disk_bytes ?? undefined,
    },
    disabled: row.disabled === 1,
    createdMs: row.created_ms,
  };
}

/** The columns that a change sets; kysely leaves out those that are undefined. */
function changed(change: PersonChange) {
  const { quota = {} } = change;
  return {
    role: change.role,
    can_create: change.canCreate === undefined ? undefined : bit(change.canCreate),
    disabled: change.disabled === undefined ? undefined : bit(change.disabled),
    quota_servers: quota.servers,
    quota_cpus: quota.cpus,
    quota_memory_bytes: quota.memoryBytes,
    quota_disk_bytes: quota.diskBytes,
  };
}

export function noSuchPerson(name: string): Error {
  return fault('no-such-person', `there is no person named ${name} (see "myserver user list")`);
}

async function actorOf(db: Context['db'], { name, role, canCreate, disabled }: Person): Promise<PersonActor> {
  const rows = await db.selectFrom('memberships').selectAll().where('person', '=', name).orderBy('person_group').execute();
  const groups = rows.map((row) => ({ group: row.person_group as GroupName, isLeader: row.is_leader === 1 }));
  return { kind: 'person', name, role, canCreate, disabled, groups };
}

async function passwordHashes(db: Context['db']): Promise<ReadonlyMap<PersonName, Secret>> {
  const rows = await db.selectFrom('people').select(['name', 'password_hash']).where('password_hash', 'is not', null).execute();
  return new Map(rows.map(({ name, password_hash: hash }) => [name as PersonName, new Secret(hash ?? '')]));
}

export function makePeople({ db, clock }: Context): People {
  const get = async (name: PersonName): Promise<Person | undefined> => {
    const row = await db.selectFrom('people').selectAll().where('name', '=', name).executeTakeFirst();
    return row && toPerson(row);
  };

  const add = async (person: NewPerson): Promise<Person> => {
    const row = {
      name: person.name,
      role: person.role,
      password_hash: person.passwordHash?.reveal() ?? null,
      password_must_change: bit(person.passwordMustChange),
      can_create: bit(person.canCreate),
      quota_servers: person.quota.servers ?? null,
      quota_cpus: person.quota.cpus ?? null,
      quota_memory_bytes: person.quota.memoryBytes ?? null,
      quota_disk_bytes: person.quota.diskBytes ?? null,
      disabled: bit(false),
      created_ms: clock.now(),
    };
    const taken = () => fault('name-taken', `there is a person named ${person.name} already: choose another name`);
    await onViolation('unique', taken, () => db.insertInto('people').values(row).execute());
    return toPerson(row);
  };

  const update = async (name: PersonName, change: PersonChange): Promise<Person> => {
    const set = changed(change);
    if (Object.values(set).some((value) => value !== undefined)) await db.updateTable('people').set(set).where('name', '=', name).execute();
    const person = await get(name);
    if (person === undefined) throw noSuchPerson(name);
    return person;
  };

  const remove = async (name: PersonName): Promise<void> =>
    await inTransaction(db, async (trx) => {
      if ((await trx.selectFrom('people').select('name').where('name', '=', name).executeTakeFirst()) === undefined)
        throw noSuchPerson(name);
      const owned = await trx.selectFrom('servers').select('id').where('owner', '=', name).orderBy('id').execute();
      if (owned.length > 0) {
        const ids = owned.slice(0, 10).map((row) => row.id);
        const more = owned.length > ids.length ? ` and ${owned.length - ids.length} more` : '';
        throw fault('conflict', `${name} cannot be removed while owning servers: drop ${ids.join(', ')}${more} first`, {
          details: { servers: owned.length },
        });
      }
      await revokeHostKeys(trx, { column: 'owner', value: name }, clock.now());
      // Keys, memberships, grants and tokens go by the cascades of their references.
      await trx.deleteFrom('idempotency').where('person', '=', name).execute();
      await trx.deleteFrom('people').where('name', '=', name).execute();
    });

  return {
    add,
    get,
    update,
    remove,
    list: async () => (await db.selectFrom('people').selectAll().orderBy('name').execute()).map(toPerson),
    passwordHashes: async () => await passwordHashes(db),
    passwordHash: async (name) => {
      const row = await db.selectFrom('people').select('password_hash').where('name', '=', name).executeTakeFirst();
      return row?.password_hash ? new Secret(row.password_hash) : undefined;
    },
    setPassword: async (name, hash, { mustChange }) => {
      const set = { password_hash: hash.reveal(), password_must_change: bit(mustChange) };
      const { numUpdatedRows } = await db.updateTable('people').set(set).where('name', '=', name).executeTakeFirst();
      if (numUpdatedRows === 0n) throw noSuchPerson(name);
    },
    actor: async (name) => {
      const person = await get(name);
      return person === undefined ? undefined : await actorOf(db, person);
    },
  };
}
