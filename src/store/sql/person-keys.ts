import type { Selectable } from 'kysely';
import type { PersonName } from '../../core/names.ts';
import { fault } from '../../core/errors.ts';
import type { PersonKey, PersonKeys } from '../people.ts';
import { onViolation } from '../violation.ts';
import { noSuchPerson } from './people.ts';
import type { Schema } from './schema.ts';
import { nextNumber, type Context } from './transaction.ts';

function toKey(row: Selectable<Schema['person_keys']>): PersonKey {
  const { fingerprint, algorithm, blob, comment } = row;
  return { person: row.person as PersonName, fingerprint, algorithm, blob, comment, addedMs: row.added_ms };
}

export function makePersonKeys({ db, clock }: Context): PersonKeys {
  const insert = async (key: PersonKey): Promise<void> => {
    const { person, fingerprint, algorithm, blob, comment, addedMs } = key;
    const row = { person, fingerprint, algorithm, blob, comment, added_ms: addedMs, number: nextNumber('person_keys') };
    await db.insertInto('person_keys').values(row).execute();
  };
  return {
    add: async (given) => {
      const key = { ...given, addedMs: clock.now() };
      const known = () => fault('key-exists', `${key.person} has the key ${key.fingerprint} already (see "myserver key list")`);
      await onViolation(
        'foreign',
        () => noSuchPerson(key.person),
        () => onViolation('unique', known, () => insert(key)),
      );
      return key;
    },
    list: async (person) =>
      (await db.selectFrom('person_keys').selectAll().where('person', '=', person).orderBy('number').execute()).map(toKey),
    byFingerprint: async (fingerprint) =>
      (await db.selectFrom('person_keys').selectAll().where('fingerprint', '=', fingerprint).orderBy('number').execute()).map(toKey),
    remove: async (person, fingerprint) => {
      const query = db.deleteFrom('person_keys').where('person', '=', person).where('fingerprint', '=', fingerprint);
      if ((await query.executeTakeFirst()).numDeletedRows === 0n) {
        throw fault('no-such-key', `${person} has no key ${fingerprint} (see "myserver key list")`);
      }
    },
  };
}
