/**
 * Tells control what the ledger holds, and does what control answers: ends what must end. While control is away everything goes on, and is told when it
 * is back.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import type { Service } from '../../base/service.ts';
import { toFault } from '../../core/errors.ts';
import type { WebPorts } from '../../core/web-origins.ts';
import type { ControlLink } from '../control-link.ts';
import type { Ledger } from './ledger.ts';

export interface TellingOptions {
  readonly link: ControlLink;
  readonly ledger: Ledger;
  readonly log: Log;
  /** Where people are taken in now; undefined while nowhere. */
  readonly port: () => number | undefined;
  /** Where servers' pages are served; undefined while nowhere. */
  readonly webPorts: () => WebPorts | undefined;
}

/** Control takes a worker that is silent for a minute for gone. */
const tellEveryMs = 15_000;
/** What begins and ends is told soon, and many at once together. */
const tellSoonMs = 250;
const reportEveryMs = 500;
const mostInOne = 500;
const retryMs = 1000;

export interface Telling extends Service {
  /** Something that is told has changed. */
  nudge(): void;
}

export function makeTelling({ link, ledger, log, port, webPorts }: TellingOptions): Telling {
  const worker = randomUUID();
  const stopping = new AbortController();
  let loops: readonly Promise<void>[] = [];
  let seen = 0;
  let hasChanged = Promise.withResolvers<void>();

  async function tell(): Promise<void> {
    const at = port();
    const bastion = at === undefined ? null : { port: at };
    const served = webPorts();
    const web = served === undefined ? null : { http: served.http ?? null, https: served.https ?? null, content: served.content ?? null };
    const { end } = await link.call('live', { params: { worker }, body: { sessions: ledger.live(), bastion, web } });
    for (const { id, reason } of end) ledger.cut(id, reason);
  }

  async function report(): Promise<void> {
    while (ledger.waiting.length > 0) {
      const lines = ledger.waiting.slice(0, mostInOne);
      await link.call('report', { body: { lines } }).catch((error: unknown) => {
        // Asked again, it would be refused again, and no line behind it ever be told.
        if (toFault(error).code !== 'bad-request') throw error;
        log.error({ error: messageOf(error), lost: lines.length }, 'control does not take these lines of the audit');
      });
      ledger.take(lines);
    }
  }

  async function hear(): Promise<void> {
    const { number } = await link.call('changes', { query: { after: seen } }, { signal: stopping.signal });
    if (number !== seen) await tell();
    seen = number;
  }

  async function tellAndWait(): Promise<void> {
    hasChanged = Promise.withResolvers();
    await tell();
    await Promise.race([hasChanged.promise, pause(tellEveryMs)]);
  }

  async function pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: stopping.signal, ref: false }).catch(() => {});
  }

  /** Control may be away for as long as it likes. */
  async function forever(what: string, everyMs: number, step: () => Promise<void>): Promise<void> {
    let isTold = false;
    while (!stopping.signal.aborted) {
      try {
        await step();
        isTold = false;
        await pause(everyMs);
      } catch (error) {
        if (!isTold && !stopping.signal.aborted) log.warn({ error: messageOf(error) }, `${what}: control does not answer`);
        isTold = true;
        await pause(retryMs);
      }
    }
  }

  return {
    name: 'telling',
    nudge: () => hasChanged.resolve(),
    start() {
      loops = [forever('changes', 0, hear), forever('sessions', tellSoonMs, tellAndWait), forever('audit', reportEveryMs, report)];
      return Promise.resolve();
    },
    async stop() {
      stopping.abort();
      await Promise.all(loops);
      await tell().catch(() => {});
      await report().catch((error: unknown) => {
        log.warn({ error: messageOf(error), lost: ledger.waiting.length }, 'the last lines of the audit could not be told');
      });
    },
  };
}
