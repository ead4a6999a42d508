/**
 * Takes away what has run out: ended operations, expired tokens, grants and idempotency keys, old lines of the audit, old recordings. At start, and once a
 * day; what somebody writes into the audit without end, every few minutes.
 */
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import type { Service } from '../base/service.ts';
import type { Store } from '../store/store.ts';
import type { RecordingFiles } from './gateway/recording-files.ts';

/** Ended operations are of no use to anybody after a month; the audit keeps the deeds. */
const operationsKeptMs = 30 * 86_400_000;
const periodMs = 86_400_000;

/** Lines of the audit removed in one transaction. More, and whoever asks meanwhile waits noticeably. */
const auditBatch = 500;
const thinPeriodMs = 600_000;

export interface HousekeepingOptions {
  readonly store: Store;
  readonly auditKeptMs: number;
  readonly auditKeptLines: number;
  readonly recordingFiles: Pick<RecordingFiles, 'prune'>;
  readonly clock: Clock;
  readonly log: Log;
}

export function makeHousekeeping({ store, auditKeptMs, auditKeptLines, recordingFiles, clock, log }: HousekeepingOptions): Service {
  const timers: NodeJS.Timeout[] = [];
  let isStopping = false;
  let slowlyPruned = Promise.resolve();

  async function prune(): Promise<void> {
    const operations = await store.operations.prune(clock.now() - operationsKeptMs);
    const tokens = await store.tokens.prune();
    const grants = await store.grants.prune();
    const idempotency = await store.idempotency.prune();
    if (operations + tokens + grants + idempotency > 0) log.info({ operations, tokens, grants, idempotency }, 'removed what had run out');
  }

  async function pruneAudit(): Promise<void> {
    const beforeMs = clock.now() - auditKeptMs;
    const lines = await inBatches(async () => await store.audit.prune(beforeMs, auditBatch));
    if (lines > 0) log.info({ lines }, 'removed what was too old from the audit');
  }

  async function thinAudit(): Promise<void> {
    const lines = await inBatches(async () => await store.audit.thin(auditKeptLines, auditBatch));
    if (lines > 0) log.warn({ lines }, 'the audit was too long: removed the oldest lines of who writes most');
  }

  async function inBatches(remove: () => Promise<number>): Promise<number> {
    let removed: number;
    let all = 0;
    do {
      removed = await remove();
      all += removed;
    } while (removed > 0 && !isStopping);
    return all;
  }

  async function pruneRecordings(): Promise<void> {
    const recordings = await recordingFiles.prune();
    if (recordings > 0) log.info({ recordings }, 'removed recordings that were too old');
  }

  /** A year of lines, when it is shortened for the first time, takes a while: nobody waits for it. */
  function pruneSlowly(): void {
    slowlyPruned = slowlyPruned
      .then(pruneAudit)
      .catch((error: unknown) => log.warn({ error: messageOf(error) }, 'the audit could not be shortened'))
      .then(pruneRecordings)
      .catch((error: unknown) => log.warn({ error: messageOf(error) }, 'old recordings could not be removed'));
  }

  function thin(): void {
    slowlyPruned = slowlyPruned
      .then(thinAudit)
      .catch((error: unknown) => log.warn({ error: messageOf(error) }, 'the audit could not be thinned'));
  }

  return {
    name: 'housekeeping',
    async start() {
      await prune();
      pruneSlowly();
      thin();
      const daily = () => {
        prune().catch((error: unknown) => log.warn({ error: messageOf(error) }, 'what has run out could not be removed'));
        pruneSlowly();
      };
      timers.push(setInterval(daily, periodMs), setInterval(thin, thinPeriodMs));
    },
    async stop() {
      isStopping = true;
      for (const timer of timers) clearInterval(timer);
      await slowlyPruned;
    },
  };
}
