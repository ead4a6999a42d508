/**
 * Operations: long work with progress and a result, kept in the store so that it outlives us. A handler for each kind does the work; it must bear being
 * begun again from the start, because after a restart that is what happens to everything unfinished.
 */
import { messageOf } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import { fault, toFault } from '../core/errors.ts';
import type { Json, Operation, OperationKind, OperationOutcome } from '../store/records.ts';
import type { Store } from '../store/store.ts';
import { makeEndings } from './endings.ts';
import type { EventBus } from './events.ts';
import type { Lanes } from './lanes.ts';
import { makeOperationRecord, type OperationRecord } from './operation-record.ts';

export interface OperationContext {
  readonly operation: Operation;
  /** Fires when somebody cancels, and when control stops. */
  readonly signal: AbortSignal;
  /** True when the signal fired because control stops: leave everything as it is, the next control goes on. */
  isStopping(): boolean;
  /** `fraction` is 0..1 and never goes back. */
  progress(step: string, fraction: number): Promise<void>;
  /** From here on a cancel is refused: there is no way back. */
  pointOfNoReturn(): void;
}

/** Called even when a cancel came before its turn: only the handler knows what was promised when it was asked for, and has to be taken back. */
export type OperationHandler = (context: OperationContext) => Promise<Json>;

export type OperationHandlers = { readonly [Kind in OperationKind]?: OperationHandler };

export interface OperationRunner {
  /** Begins, in the lane of its server (or its kind), and returns at once. */
  begin(operation: Operation): void;
  /** Takes up everything unfinished. */
  resumeAll(): Promise<void>;
  cancel(id: string): Promise<void>;
  /** Resolves when it has ended, `waitMs` is over or the signal fires. */
  ended(id: string, waitMs: number, signal?: AbortSignal): Promise<void>;
  /** Lets go of everything under way without ending it. */
  stop(): Promise<void>;
}

interface Running {
  readonly abort: AbortController;
  canCancel: boolean;
}

export interface OperationRunnerOptions {
  readonly store: Store;
  readonly events: EventBus;
  readonly lanes: Lanes;
  readonly log: Log;
  readonly handlers: () => OperationHandlers;
}

export function makeOperationRunner(options: OperationRunnerOptions): OperationRunner {
  const { store, lanes, log } = options;
  const running = new Map<string, Running>();
  const endings = makeEndings();
  const record = makeOperationRecord(options);
  let stopping = false;

  async function work(operation: Operation, entry: Running): Promise<void> {
    if (stopping) return;
    try {
      const outcome = await outcomeOfWork(options, record, operation, entry, () => stopping);
      entry.canCancel = false;
      if (outcome !== undefined) {
        await record.finish(operation.id, outcome, () => stopping);
        endings.tell(operation.id);
      }
    } finally {
      running.delete(operation.id);
    }
  }

  function begin(operation: Operation): void {
    if (running.has(operation.id)) return;
    // A drop was promised in the store before it began: cancelled in its waiting it would be done all the same, by the reconciler.
    const entry: Running = { abort: new AbortController(), canCancel: operation.kind !== 'drop' };
    running.set(operation.id, entry);
    const lane = operation.server?.generation ?? operation.kind;
    lanes
      .inLane(lane, () => work(operation, entry))
      .catch((error: unknown) => {
        log.error({ operation: operation.id, error: messageOf(error) }, 'an operation could not be followed to its end');
      });
  }

  return {
    begin,
    async resumeAll() {
      for (const operation of await store.operations.unfinished()) begin(operation);
    },
    async cancel(id) {
      const entry = running.get(id);
      if (entry === undefined) throw fault('wrong-state', `operation ${id} has ended already; there is nothing to cancel`);
      if (!entry.canCancel) throw fault('wrong-state', `operation ${id} cannot be cancelled any more: what it does has no way back`);
      entry.abort.abort();
      await Promise.resolve();
    },
    async ended(id, waitMs, signal) {
      await endings.wait(id, waitMs, signal, async () => {
        const operation = await store.operations.get(id);
        return operation === undefined || (operation.state !== 'pending' && operation.state !== 'running');
      });
    },
    async stop() {
      stopping = true;
      for (const entry of running.values()) entry.abort.abort();
      endings.tellAll();
      await lanes.idle();
    },
  };
}

/** Undefined where there is nothing to write down: it has ended already, or the next control goes on with it. */
async function outcomeOfWork(
  { store, handlers, log }: OperationRunnerOptions,
  record: OperationRecord,
  operation: Operation,
  entry: Running,
  isStopping: () => boolean,
): Promise<OperationOutcome | undefined> {
  try {
    if (!(await store.operations.start(operation.id))) return undefined;
    await record.announce(operation.id);
    const handler = handlers()[operation.kind];
    if (handler === undefined)
      throw fault('cannot-here', `this version of myserver does not know operations of the kind "${operation.kind}"`);
    const report: OperationRecord['report'] = async (id, at) => await record.report(id, at);
    return { state: 'done', result: await handler(makeContext(operation, entry, isStopping, report)) };
  } catch (error) {
    return isStopping() ? undefined : outcomeOf(operation, error, entry.abort.signal.aborted, log);
  }
}

function makeContext(operation: Operation, entry: Running, isStopping: () => boolean, report: OperationRecord['report']): OperationContext {
  let reached = 0;
  return {
    operation,
    signal: entry.abort.signal,
    isStopping,
    async progress(step, fraction) {
      reached = Math.max(reached, fraction);
      await report(operation.id, { step, fraction: reached });
    },
    pointOfNoReturn() {
      entry.canCancel = false;
    },
  };
}

function outcomeOf(operation: Operation, error: unknown, isCancelled: boolean, log: Log): OperationOutcome {
  if (isCancelled) {
    const isUndone = operation.kind === 'create' || operation.server === undefined;
    const message = isUndone ? 'cancelled, and undone' : 'cancelled; the server stays as it was found then (see "myserver list")';
    return { state: 'cancelled', error: { code: 'cancelled', message } };
  }
  const { code, message, cause } = toFault(error);
  log.warn({ operation: operation.id, kind: operation.kind, code, error: message, cause: messageOf(cause) }, 'operation failed');
  return { state: 'failed', error: { code, message } };
}
