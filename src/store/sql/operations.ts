import type { Selectable } from 'kysely';
import type { ErrorCode } from '../../core/errors.ts';
import type { Generation, ServerId } from '../../core/ids.ts';
import type { PersonName } from '../../core/names.ts';
import type { Json, NewOperation, Operation, OperationKind, Operations, OperationState } from '../records.ts';
import type { Schema } from './schema.ts';
import { nextNumber, type Context } from './transaction.ts';

const unfinishedStates = ['pending', 'running'] as const;
const endedStates = ['done', 'failed', 'cancelled'] as const;

export function toOperation(row: Selectable<Schema['operations']>): Operation {
  const { server_id: id, generation, error_code: code, error_message: message } = row;
  return {
    id: row.id,
    kind: row.kind as OperationKind,
    person: row.person === null ? undefined : (row.person as PersonName),
    server: id === null || generation === null ? undefined : { id: id as ServerId, generation: generation as Generation },
    subject: row.subject,
    state: row.state as OperationState,
    step: row.step,
    fraction: row.fraction_millionths / 1e6,
    error: code === null ? undefined : { code: code as ErrorCode, message: message ?? '' },
    params: JSON.parse(row.params) as Json,
    result: JSON.parse(row.result) as Json,
    createdMs: row.created_ms,
    startedMs: row.started_ms ?? undefined,
    endedMs: row.ended_ms ?? undefined,
  };
}

export async function addOperation({ db, clock, newId }: Context, operation: NewOperation): Promise<Operation> {
  const row = await db
    .insertInto('operations')
    .values({
      id: newId(),
      number: nextNumber('operations'),
      kind: operation.kind,
      person: operation.person ?? null,
      server_id: operation.server?.id ?? null,
      generation: operation.server?.generation ?? null,
      subject: operation.subject,
      state: 'pending',
      step: '',
      fraction_millionths: 0,
      error_code: null,
      error_message: null,
      params: JSON.stringify(operation.params),
      result: 'null',
      created_ms: clock.now(),
      started_ms: null,
      ended_ms: null,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  return toOperation(row);
}

export function makeOperations(context: Context): Operations {
  const { db, clock } = context;
  const changeable = (id: string) => db.updateTable('operations').where('id', '=', id).where('state', 'in', unfinishedStates);
  return {
    add: async (operation) => await addOperation(context, operation),
    get: async (id) => {
      const row = await db.selectFrom('operations').selectAll().where('id', '=', id).executeTakeFirst();
      return row && toOperation(row);
    },
    list: async ({ person, generation, kind, states, limit = 100 } = {}) => {
      let query = db.selectFrom('operations').selectAll().orderBy('number', 'desc').limit(limit);
      if (person !== undefined) query = query.where('person', '=', person);
      if (generation !== undefined) query = query.where('generation', '=', generation);
      if (kind !== undefined) query = query.where('kind', '=', kind);
      if (states !== undefined) query = query.where('state', 'in', states);
      return (await query.execute()).map(toOperation);
    },
    unfinished: async () =>
      (await db.selectFrom('operations').selectAll().where('state', 'in', unfinishedStates).orderBy('number').execute()).map(toOperation),
    start: async (id) => {
      const query = changeable(id).set((eb) => ({ state: 'running', started_ms: eb.fn.coalesce('started_ms', eb.val(clock.now())) }));
      return (await query.executeTakeFirst()).numUpdatedRows > 0n;
    },
    progress: async (id, { step, fraction }) => {
      const millionths = Math.round(Math.min(1, Math.max(0, fraction)) * 1e6);
      return (await changeable(id).set({ step, fraction_millionths: millionths }).executeTakeFirst()).numUpdatedRows > 0n;
    },
    finish: async (id, outcome) => {
      const end =
        outcome.state === 'done'
          ? { result: JSON.stringify(outcome.result), fraction_millionths: 1e6 }
          : { error_code: outcome.error.code, error_message: outcome.error.message };
      const query = changeable(id).set({ ...end, state: outcome.state, ended_ms: clock.now() });
      return (await query.executeTakeFirst()).numUpdatedRows > 0n;
    },
    prune: async (endedBeforeMs) => {
      const query = db.deleteFrom('operations').where('state', 'in', endedStates).where('ended_ms', '<', endedBeforeMs);
      return Number((await query.executeTakeFirst()).numDeletedRows);
    },
  };
}
