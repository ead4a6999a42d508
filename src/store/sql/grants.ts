import { sql, type Selectable } from 'kysely';
import { unreachable } from '../../base/brand.ts';
import type { GrantSubject, GrantTarget, Right } from '../../core/access.ts';
import type { Generation } from '../../core/ids.ts';
import type { GroupName, PersonName } from '../../core/names.ts';
import { fault } from '../../core/errors.ts';
import type { GrantRecord, Grants, NewGrant } from '../people.ts';
import { noSuchGroup, toMembership } from './groups.ts';
import { noSuchPerson } from './people.ts';
import type { Database, Schema } from './schema.ts';
import { inTransaction, nextNumber, type Context } from './transaction.ts';

function toSubject(row: Selectable<Schema['grants']>): GrantSubject {
  if (row.subject_person !== null) return { kind: 'person', name: row.subject_person as PersonName };
  return { kind: 'group', name: row.subject_group as GroupName };
}

function toTarget(row: Selectable<Schema['grants']>): GrantTarget {
  if (row.target_generation !== null) return { kind: 'server', generation: row.target_generation as Generation };
  return row.target_group === null ? { kind: 'all' } : { kind: 'group', name: row.target_group as GroupName };
}

function toGrant(row: Selectable<Schema['grants']>): GrantRecord {
  return {
    id: row.id,
    subject: toSubject(row),
    target: toTarget(row),
    right: row.granted_right as Right,
    grantedBy: row.granted_by === null ? undefined : (row.granted_by as PersonName),
    expiresMs: row.expires_ms ?? undefined,
    createdMs: row.created_ms,
  };
}

function subjectText(subject: GrantSubject): string {
  return `${subject.kind}:${subject.name}`;
}

function targetText(target: GrantTarget): string {
  switch (target.kind) {
    case 'server':
      return `server:${target.generation}`;
    case 'group':
      return `group:${target.name}`;
    case 'all':
      return 'all';
    default:
      return unreachable(target);
  }
}

/** Says which of the named is not there; the references would only say that one is not. */
async function requireNamed(db: Database, { subject, target }: Pick<NewGrant, 'subject' | 'target'>): Promise<void> {
  const has = async (table: 'people' | 'person_groups', name: string) =>
    (await db.selectFrom(table).select('name').where('name', '=', name).executeTakeFirst()) !== undefined;
  if (subject.kind === 'person' && !(await has('people', subject.name))) throw noSuchPerson(subject.name);
  if (subject.kind === 'group' && !(await has('person_groups', subject.name))) throw noSuchGroup(subject.name);
  if (target.kind === 'group' && !(await has('person_groups', target.name))) throw noSuchGroup(target.name);
  if (target.kind !== 'server') return;
  const server = await db.selectFrom('servers').select('id').where('generation', '=', target.generation).executeTakeFirst();
  if (server === undefined) throw fault('no-such-server', 'the server to be shared is gone (see "myserver list")');
}

export function makeGrants({ db, clock, newId }: Context): Grants {
  const put = async (grant: NewGrant): Promise<GrantRecord> =>
    await inTransaction(db, async (trx) => {
      const { subject, target } = grant;
      await requireNamed(trx, grant);
      const changing = {
        granted_right: grant.right,
        granted_by: grant.grantedBy ?? null,
        expires_ms: grant.expiresMs ?? null,
        created_ms: clock.now(),
      };
      const row = await trx
        .insertInto('grants')
        .values({
          ...changing,
          id: newId(),
          number: nextNumber('grants'),
          subject: subjectText(subject),
          target: targetText(target),
          subject_person: subject.kind === 'person' ? subject.name : null,
          subject_group: subject.kind === 'group' ? subject.name : null,
          target_generation: target.kind === 'server' ? target.generation : null,
          target_group: target.kind === 'group' ? target.name : null,
        })
        .onConflict((c) => c.columns(['subject', 'target']).doUpdateSet(changing))
        .returningAll()
        .executeTakeFirstOrThrow();
      return toGrant(row);
    });

  return {
    put,
    get: async (id) => {
      const row = await db.selectFrom('grants').selectAll().where('id', '=', id).executeTakeFirst();
      return row && toGrant(row);
    },
    remove: async (id) => (await db.deleteFrom('grants').where('id', '=', id).executeTakeFirst()).numDeletedRows > 0n,
    list: async (filter = {}) => {
      let query = db.selectFrom('grants').selectAll().orderBy('number');
      if (filter.subject !== undefined) query = query.where('subject', '=', subjectText(filter.subject));
      if (filter.target !== undefined) query = query.where('target', '=', targetText(filter.target));
      return (await query.execute()).map(toGrant);
    },
    factsFor: async (actor) =>
      await inTransaction(db, async (trx) => {
        const subjects = [`person:${actor.name}`, ...actor.groups.map(({ group }) => `group:${group}`)];
        const grants = (await trx.selectFrom('grants').selectAll().where('subject', 'in', subjects).orderBy('number').execute()).map(
          toGrant,
        );
        const groups = [
          ...grants.flatMap(({ target }) => (target.kind === 'group' ? [target.name] : [])),
          ...actor.groups.map((g) => g.group),
        ];
        const memberships =
          groups.length === 0
            ? []
            : await trx
                .selectFrom('memberships')
                .selectAll()
                .where('person_group', 'in', [...new Set(groups)])
                .execute();
        return { grants, memberships: memberships.map(toMembership), nowMs: clock.now() };
      }),
    prune: async () => {
      const query = db.deleteFrom('grants').where(sql<boolean>`expires_ms is not null and expires_ms <= ${clock.now()}`);
      return Number((await query.executeTakeFirst()).numDeletedRows);
    },
  };
}
