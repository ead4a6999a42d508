/** Waiting for operations to end, with progress. Control does the work whether anybody watches or not. */
import type { Client } from '../client/client.ts';
import type { OperationView } from '../contract/schemas.ts';
import { type ErrorCode, fault, isErrorCode } from '../core/errors.ts';
import { type Fault, messageOf } from '../base/fault.ts';
import type { Invocation } from './invocation.ts';
import { hasEnded, makeProgress } from './progress.ts';

export type Outcome =
  | { readonly kind: 'done'; readonly operation: OperationView }
  | { readonly kind: 'failed'; readonly operation: OperationView; readonly error: Fault<ErrorCode> }
  /** We stopped watching (interrupted, or control went away); the operation goes on. */
  | { readonly kind: 'left'; readonly operation: OperationView; readonly error: unknown };

/** How many operations are asked about at a time: each question waits inside control for up to a second. */
const atOnce = 16;
/** An answer that comes sooner than this without an end is not waited for by the other side; asking again at once would be a busy loop. */
const leastPauseMs = 200;

/** Outcomes in the order of `operations`. Never throws. */
export async function follow(invocation: Invocation, client: Client, operations: readonly OperationView[]): Promise<readonly Outcome[]> {
  const progress = makeProgress(invocation.context.terminal);
  const outcomes: Outcome[] = [];
  const queue = operations.map((operation, at) => ({ operation, at }));
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      outcomes[next.at] = await followOne(invocation, client, next.operation, (seen) => {
        progress.update(seen);
      });
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, operations.length) }, worker));
  progress.end();
  return outcomes;
}

async function followOne(
  invocation: Invocation,
  client: Client,
  first: OperationView,
  onSeen: (operation: OperationView) => void,
): Promise<Outcome> {
  const { context } = invocation;
  let operation = first;
  try {
    while (!hasEnded(operation)) {
      onSeen(operation);
      const askedMs = context.clock.now();
      const input = { params: { id: operation.id }, query: { waitSeconds: 1 } };
      operation = (await client.call('getOperation', input, { signal: context.signal })).operation;
      if (!hasEnded(operation) && context.clock.now() - askedMs < leastPauseMs) await context.sleep(leastPauseMs);
      context.signal.throwIfAborted();
    }
  } catch (error) {
    return { kind: 'left', operation, error };
  }
  onSeen(operation);
  return operation.state === 'done' ? { kind: 'done', operation } : { kind: 'failed', operation, error: errorOf(operation) };
}

function errorOf(operation: OperationView): Fault<ErrorCode> {
  if (operation.state === 'cancelled' && operation.error === null)
    return fault('cancelled', `${operation.subject}: ${operation.kind} was cancelled`);
  const { code, message } = operation.error ?? {
    code: 'internal',
    message: `${operation.kind} of ${operation.subject} failed without a reason`,
  };
  return fault(isErrorCode(code) ? code : 'internal', message);
}

/** Says what failed, and of what goes on without us how to look at it or end it. */
export function tellFailures(invocation: Invocation, options: Parameters<Invocation['fail']>[1], outcomes: readonly Outcome[]): void {
  for (const outcome of outcomes) if (outcome.kind === 'failed') invocation.fail(outcome.error, options);
  const left = outcomes.flatMap((outcome) => (outcome.kind === 'left' ? [outcome] : []));
  const [first] = left;
  if (first === undefined) return;
  const { id, kind, subject } = first.operation;
  const others = left.length === 1 ? '' : ` (and ${left.length - 1} more: "myserver operation list")`;
  const error = invocation.context.signal.aborted ? 'stopped watching' : messageOf(first.error);
  invocation.fail(
    fault(
      invocation.context.signal.aborted ? 'cancelled' : 'control-unreachable',
      `${error}; the ${kind} of ${subject} goes on${others}: look with "myserver operation show ${id}", end it with "myserver operation cancel ${id}"`,
    ),
    options,
  );
}
