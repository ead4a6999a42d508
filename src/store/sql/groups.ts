import type { Selectable } from 'kysely';
import type { Membership } from '../../core/access.ts';
import type { GroupName, PersonName } from '../../core/names.ts';
import { fault } from '../../core/errors.ts';
import type { Group, Groups } from '../people.ts';
import { onViolation } from '../violation.ts';
import { noSuchPerson } from './people.ts';
import type { Schema } from './schema.ts';
import { bit, inTransaction, type Context } from './transaction.ts';

function toGroup(row: Selectable<Schema['person_groups']>): Group {
  return { name: row.name as GroupName, description: row.description, createdMs: row.created_ms };
}

export function toMembership(row: Selectable<Schema['memberships']>): Membership {
  return { group: row.person_group as GroupName, person: row.person as PersonName, isLeader: row.is_leader === 1 };
}

export function noSuchGroup(name: string): Error {
  return fault('no-such-group', `there is no group named ${name} (see "myserver group list")`);
}

export function makeGroups({ db, clock }: Context): Groups {
  const get = async (name: GroupName): Promise<Group | undefined> => {
    const row = await db.selectFrom('person_groups').selectAll().where('name', '=', name).executeTakeFirst();
    return row && toGroup(row);
  };
  return {
    get,
    add: async ({ name, description }) => {
      const row = { name, description, created_ms: clock.now() };
      const taken = () => fault('name-taken', `there is a group named ${name} already: choose another name`);
      await onViolation('unique', taken, () => db.insertInto('person_groups').values(row).execute());
      return toGroup(row);
    },
    list: async () => (await db.selectFrom('person_groups').selectAll().orderBy('name').execute()).map(toGroup),
    describe: async (name, description) => {
      await db.updateTable('person_groups').set({ description }).where('name', '=', name).execute();
      const group = await get(name);
      if (group === undefined) throw noSuchGroup(name);
      return group;
    },
    remove: async (name) => {
      // Memberships and grants go by the cascades of their references.
      const { numDeletedRows } = await db.deleteFrom('person_groups').where('name', '=', name).executeTakeFirst();
      if (numDeletedRows === 0n) throw noSuchGroup(name);
    },
    setMember: async ({ group, person, isLeader }) =>
      await inTransaction(db, async (trx) => {
        if ((await trx.selectFrom('person_groups').select('name').where('name', '=', group).executeTakeFirst()) === undefined) {
          throw noSuchGroup(group);
        }
        const insert = () =>
          trx
            .insertInto('memberships')
            .values({ person_group: group, person, is_leader: bit(isLeader) })
            .onConflict((c) => c.columns(['person_group', 'person']).doUpdateSet({ is_leader: bit(isLeader) }))
            .execute();
        await onViolation('foreign', () => noSuchPerson(person), insert);
      }),
    removeMember: async (group, person) => {
      const query = db.deleteFrom('memberships').where('person_group', '=', group).where('person', '=', person);
      return (await query.executeTakeFirst()).numDeletedRows > 0n;
    },
    memberships: async (filter = {}) => {
      let query = db.selectFrom('memberships').selectAll().orderBy('person_group').orderBy('person');
      if (filter.group !== undefined) query = query.where('person_group', '=', filter.group);
      if (filter.person !== undefined) query = query.where('person', '=', filter.person);
      return (await query.execute()).map(toMembership);
    },
  };
}
