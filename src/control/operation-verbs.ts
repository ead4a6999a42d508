/** Looking at operations and ending them. */
import { fault } from '../core/errors.ts';
import type { Operation, OperationState } from '../store/records.ts';
import type { Store } from '../store/store.ts';
import type { AccessDesk } from './access-desk.ts';
import { type Caller, isAdministrator, originOf, personOf } from './caller.ts';
import type { OperationVerbs } from './control.ts';
import type { OperationRunner } from './operation-runner.ts';

const states: readonly string[] = ['pending', 'running', 'done', 'failed', 'cancelled'] satisfies OperationState[];

function isState(text: string): text is OperationState {
  return states.includes(text);
}

/** One's own, and those of servers one may read. */
export async function maySeeOperation(caller: Caller, operation: Operation, store: Store, access: AccessDesk): Promise<boolean> {
  if (isAdministrator(caller.actor)) return true;
  if (operation.person !== undefined && operation.person === personOf(caller)) return true;
  if (operation.server === undefined) return false;
  const record = await store.servers.byGeneration(operation.server.generation);
  if (record === undefined) return false;
  return !['none', 'list'].includes((await access.judge(caller))(record));
}

export interface OperationVerbParts {
  readonly store: Store;
  readonly access: AccessDesk;
  readonly operations: OperationRunner;
}

export function makeOperationVerbs({ store, access, operations }: OperationVerbParts): OperationVerbs {
  async function require(caller: Caller, id: string): Promise<Operation> {
    const operation = await store.operations.get(id);
    if (operation === undefined || !(await maySeeOperation(caller, operation, store, access))) {
      throw fault('no-such-operation', `there is no operation ${id} that you could see; "myserver operation list" shows yours`);
    }
    return operation;
  }

  return {
    async list(caller, { limit, state }) {
      if (state !== undefined && !isState(state))
        throw fault('bad-request', `"${state}" is no state of an operation; they are ${states.join(', ')}`);
      const person = personOf(caller);
      return await store.operations.list({
        ...(isAdministrator(caller.actor) || person === undefined ? {} : { person }),
        ...(state === undefined ? {} : { states: [state] }),
        limit: limit ?? 100,
      });
    },

    get: require,

    async wait(caller, id, waitMs, signal) {
      await require(caller, id);
      await operations.ended(id, waitMs, signal);
      // A drop that has ended took the server along by which the caller might see it: what was allowed at the question is answered.
      return (await store.operations.get(id)) ?? (await require(caller, id));
    },

    async cancel(caller, id) {
      const operation = await require(caller, id);
      const isOwn = operation.person === personOf(caller);
      if (!isOwn && !isAdministrator(caller.actor))
        throw fault('not-allowed', `operation ${id} belongs to ${operation.person ?? 'root'}; only they or an administrator can cancel it`);
      await operations.cancel(id);
      await store.audit.append({
        ...originOf(caller),
        deed: 'operation-cancel',
        server: operation.server,
        allowed: true,
        detail: operation.subject,
      });
      return (await store.operations.get(id)) ?? operation;
    },
  };
}
