import { randomUUID } from 'node:crypto';
import type { Selectable } from 'kysely';
import type { DomainName } from '../../core/domain-name.ts';
import { fault } from '../../core/errors.ts';
import type { Generation } from '../../core/ids.ts';
import type { PersonName } from '../../core/names.ts';
import { onViolation } from '../violation.ts';
import type { WebDomain, WebDomains, WebLink, WebLinks } from '../web.ts';
import type { Schema } from './schema.ts';
import type { Context } from './transaction.ts';

function toLink(row: Selectable<Schema['web_links']>): WebLink {
  return {
    id: row.id,
    generation: row.generation as Generation,
    door: row.door,
    createdBy: row.created_by === null ? undefined : (row.created_by as PersonName),
    createdMs: row.created_ms,
    expiresMs: row.expires_ms,
  };
}

function toDomain(row: Selectable<Schema['web_domains']>): WebDomain {
  return {
    name: row.name as DomainName,
    generation: row.generation as Generation,
    door: row.door,
    token: row.token,
    isProven: row.proven_name !== null,
    createdBy: row.created_by === null ? undefined : (row.created_by as PersonName),
    createdMs: row.created_ms,
  };
}

const gone = () => fault('no-such-server', 'that server was dropped at this very moment');

export function makeWebLinks({ db, clock }: Context): WebLinks {
  return {
    async add({ generation, door, createdBy, expiresMs, keyHash }) {
      const row = {
        id: randomUUID(),
        generation,
        door,
        key_hash: keyHash,
        created_by: createdBy ?? null,
        created_ms: clock.now(),
        expires_ms: expiresMs,
      };
      await onViolation('foreign', gone, () => db.insertInto('web_links').values(row).execute());
      return toLink(row);
    },
    list: async () => (await db.selectFrom('web_links').selectAll().orderBy('created_ms').orderBy('id').execute()).map(toLink),
    async byKeyHash(keyHash) {
      const row = await db.selectFrom('web_links').selectAll().where('key_hash', '=', keyHash).executeTakeFirst();
      return row && toLink(row);
    },
    async remove(id) {
      const { numDeletedRows } = await db.deleteFrom('web_links').where('id', '=', id).executeTakeFirst();
      return numDeletedRows > 0n;
    },
    async prune(beforeMs) {
      await db.deleteFrom('web_links').where('expires_ms', '<', beforeMs).execute();
    },
  };
}

export function makeWebDomains({ db, clock }: Context): WebDomains {
  const get = async (name: DomainName, generation: Generation) =>
    await db.selectFrom('web_domains').selectAll().where('name', '=', name).where('generation', '=', generation).executeTakeFirstOrThrow();
  return {
    async put({ name, generation, door, token, createdBy }) {
      const row = { name, generation, door, token, proven_name: null, created_by: createdBy ?? null, created_ms: clock.now() };
      const put = db
        .insertInto('web_domains')
        .values(row)
        .onConflict((at) => at.columns(['name', 'generation']).doUpdateSet({ door }));
      await onViolation('foreign', gone, () => put.execute());
      return toDomain(await get(name, generation));
    },
    list: async () => (await db.selectFrom('web_domains').selectAll().orderBy('name').orderBy('created_ms').execute()).map(toDomain),
    async prove(name, generation) {
      const taken = () => fault('name-taken', `${name} is another server's by now`);
      const set = db.updateTable('web_domains').set({ proven_name: name }).where('name', '=', name).where('generation', '=', generation);
      const { numUpdatedRows } = await onViolation('unique', taken, () => set.executeTakeFirst());
      if (numUpdatedRows === 0n) throw fault('not-found', `nobody has asked for ${name} for that server`);
      return toDomain(await get(name, generation));
    },
    async remove(name, generation) {
      const removal = db.deleteFrom('web_domains').where('name', '=', name).where('generation', '=', generation);
      return (await removal.executeTakeFirst()).numDeletedRows > 0n;
    },
    async prune(unprovenBeforeMs) {
      await db.deleteFrom('web_domains').where('proven_name', 'is', null).where('created_ms', '<', unprovenBeforeMs).execute();
    },
  };
}
