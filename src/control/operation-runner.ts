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

export function makeOperationRunner({ store, events, lanes, log, handlers }: OperationRunnerOptions): OperationRunner {
  const running = new Map<string, Running>();
  const endings = makeEndings();
  let stopping = false;

  async function announce(id: string): Promise<void> {
    const operation = await store.operations.get(id);
    if (operation !== undefined) events.emit({ kind: 'operation', operation });
  }

  async function finish(id: string, outcome: OperationOutcome): Promise<void> {
    await store.operations.finish(id, outcome);
    await announce(id);
    endings.tell(id);
  }

  async function report(id: string, at: { readonly step: string; readonly fraction: number }): Promise<void> {
    if (await store.operations.progress(id, at)) await announce(id);
  }

  async function work(operation: Operation, entry: Running): Promise<void> {
    if (stopping || !(await store.operations.start(operation.id))) return;
    await announce(operation.id);
    try {
      const handler = handlers()[operation.kind];
      if (handler === undefined)
        throw fault('cannot-here', `this version of myserver does not know operations of the kind "${operation.kind}"`);
      entry.abort.signal.throwIfAborted();
      const result = await handler(makeContext(operation, entry, () => stopping, report));
      await finish(operation.id, { state: 'done', result });
    } catch (error) {
      if (stopping) return;
      await finish(operation.id, outcomeOf(operation, error, entry.abort.signal.aborted, log));
    } finally {
      running.delete(operation.id);
    }
  }

  function begin(operation: Operation): void {
    if (running.has(operation.id)) return;
    const entry: Running = { abort: new AbortController(), canCancel: true };
    running.set(operation.id, entry);
    const lane = operation.server?.generation ?? operation.kind;
    lanes
      .inLane(lane, () => work(operation, entry))
      .catch((error: unknown) => {
        log.error({ operation: operation.id, error: messageOf(error) }, 'the store refused an operation’s end');
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

function makeContext(
  operation: Operation,
  entry: Running,
  isStopping: () => boolean,
  report: (id: string, at: { readonly step: string; readonly fraction: number }) => Promise<void>,
): OperationContext {
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
  if (isCancelled) return { state: 'cancelled', error: { code: 'cancelled', message: 'cancelled, and undone' } };
  const { code, message, cause } = toFault(error);
  log.warn({ operation: operation.id, kind: operation.kind, code, error: message, cause: messageOf(cause) }, 'operation failed');
  return { state: 'failed', error: { code, message } };
}
