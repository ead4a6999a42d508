/** Takes away what has run out: ended operations, expired tokens, grants and idempotency keys. At start, and once a day. */
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import type { Service } from '../base/service.ts';
import type { Store } from '../store/store.ts';

/** Ended operations are of no use to anybody after a month; the audit keeps the deeds. */
const operationsKeptMs = 30 * 86_400_000;
const periodMs = 86_400_000;

export function makeHousekeeping({ store, clock, log }: { readonly store: Store; readonly clock: Clock; readonly log: Log }): Service {
  let timer: NodeJS.Timeout | undefined;

  async function prune(): Promise<void> {
    const operations = await store.operations.prune(clock.now() - operationsKeptMs);
    const tokens = await store.tokens.prune();
    const grants = await store.grants.prune();
    const idempotency = await store.idempotency.prune();
    if (operations + tokens + grants + idempotency > 0) log.info({ operations, tokens, grants, idempotency }, 'removed what had run out');
  }

  return {
    name: 'housekeeping',
    async start() {
      await prune();
      timer = setInterval(() => {
        prune().catch((error: unknown) => log.warn({ error: messageOf(error) }, 'what has run out could not be removed'));
      }, periodMs);
    },
    async stop() {
      clearInterval(timer);
      await Promise.resolve();
    },
  };
}
