/** What becomes of an operation: written down in the store, then told to everybody who listens. */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import type { OperationOutcome } from '../store/records.ts';
import type { Store } from '../store/store.ts';
import type { EventBus } from './events.ts';

export interface OperationRecord {
  announce(id: string): Promise<void>;
  report(id: string, at: { readonly step: string; readonly fraction: number }): Promise<void>;
  /**
   * Tries as often as it takes, until `isStopping`: an operation that never ends in the store would keep its server from everybody until control is
   * started again.
   */
  finish(id: string, outcome: OperationOutcome, isStopping: () => boolean): Promise<void>;
}

const finishAgainMs = 500;

export function makeOperationRecord({
  store,
  events,
  log,
}: {
  readonly store: Store;
  readonly events: EventBus;
  readonly log: Log;
}): OperationRecord {
  async function announce(id: string): Promise<void> {
    const operation = await store.operations.get(id);
    if (operation !== undefined) events.emit({ kind: 'operation', operation });
  }

  return {
    announce,

    async report(id, at) {
      if (await store.operations.progress(id, at)) await announce(id);
    },

    async finish(id, outcome, isStopping) {
      for (let tries = 1; ; tries += 1) {
        try {
          await store.operations.finish(id, outcome);
          return await announce(id);
        } catch (error) {
          if (isStopping()) return;
          if (tries === 1) log.error({ operation: id, error: messageOf(error) }, 'the store refused an operation’s end; it is tried again');
          await sleep(finishAgainMs);
        }
      }
    },
  };
}
