/**
 * Certificates that an ACME server gives and that are renewed when a third of their time is left. What is held stays in use whatever fails; a failure is tried again after
 * a minute, two, four, at most half a day, each a little off, so that many hosts do not come at once.
 */
import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../base/fault.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { type HeldCertificate, readCertificate } from '../certificates/read.ts';
import type { WebCertificates } from '../certificates/web-certificates.ts';
import type { Acme } from './acme.ts';

export interface AcmeCertificatesOptions {
  readonly dir: string;
  readonly acme: (accountKey: string) => Acme;
  /** Sets of names, each for one certificate. Asked at each look. */
  readonly wanted: () => readonly (readonly string[])[];
  /** What visitors are shown by other names, and until the first is there. */
  readonly fallback: WebCertificates;
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly log: Log;
  readonly onChange: () => void;
  readonly lookEveryMs?: number;
}

const firstDelayMs = 60_000;
const longestDelayMs = 12 * 3_600_000;

interface Held {
  certificate: HeldCertificate | undefined;
  failures: number;
  nextTryMs: number;
  reason: string | undefined;
}

export function makeAcmeCertificates(options: AcmeCertificatesOptions): WebCertificates {
  const { dir, wanted, fallback, clock, log, onChange, lookEveryMs = 60_000 } = options;
  const held = new Map<string, Held>();
  const stopping = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> | undefined;

  async function heldFor(names: readonly string[]): Promise<Held> {
    const key = names.join(' ');
    const known = held.get(key);
    if (known !== undefined) return known;
    const certificate = await readCertificate(filesOf(dir, names)).catch(() => undefined);
    const fresh: Held = { certificate, failures: 0, nextTryMs: 0, reason: undefined };
    held.set(key, fresh);
    if (certificate !== undefined) onChange();
    return fresh;
  }

  const renew = makeRenewal(options, stopping.signal);

  async function lookNow(): Promise<void> {
    const sets = wanted();
    const keys = new Set(sets.map((names) => names.join(' ')));
    for (const key of held.keys()) if (!keys.has(key)) held.delete(key);
    for (const names of sets) {
      const one = await heldFor(names);
      const now = clock.now();
      if (stopping.signal.aborted || now < one.nextTryMs || (one.certificate !== undefined && !isOld(one.certificate, now))) continue;
      await renew(names, one);
    }
  }

  async function look(): Promise<void> {
    looking ??= lookNow().finally(() => (looking = undefined));
    await looking;
  }

  return {
    name: 'certificates',
    look,
    current() {
      const given = [...held.values()].flatMap(({ certificate }) => certificate ?? []);
      const own = given.map(({ names, chain, key }) => ({ names, chain, key }));
      return { certificates: [...own, ...fallback.current().certificates], authority: undefined };
    },
    async start() {
      await mkdir(dir, { recursive: true, mode: 0o700 });
      await fallback.start();
      for (const names of wanted()) await heldFor(names);
      const again = () => void look().catch((error: unknown) => log.error({ error: messageOf(error) }, 'certificates'));
      // What proves the names is served only once everything has started.
      timer = setInterval(again, lookEveryMs);
      setTimeout(again, Math.min(lookEveryMs, 3000)).unref();
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      stopping.abort();
      await looking;
      await fallback.stop();
    },
  };
}

function makeRenewal(options: AcmeCertificatesOptions, signal: AbortSignal) {
  const { dir, clock, log, onChange } = options;
  let acme: Promise<Acme> | undefined;
  return async (names: readonly string[], one: Held): Promise<void> => {
    try {
      acme ??= accountKeyIn(dir).then(options.acme);
      const { chain, key } = await (await acme).order(names, signal);
      const files = filesOf(dir, names);
      await writeWhole(files.key, key);
      await writeWhole(files.chain, chain);
      one.certificate = await readCertificate(files);
      [one.failures, one.nextTryMs, one.reason] = [0, 0, undefined];
      log.info({ names, until: new Date(one.certificate.notAfterMs).toISOString() }, 'a certificate was given');
      onChange();
    } catch (error) {
      if (signal.aborted) return;
      const delayMs = Math.min(firstDelayMs * 2 ** one.failures, longestDelayMs) * (0.75 + options.random() / 2);
      one.failures += 1;
      one.nextTryMs = clock.now() + delayMs;
      const reason = messageOf(error);
      // The same again and again is told once.
      if (reason !== one.reason)
        log.error({ names, error: reason, againInMs: Math.round(delayMs) }, 'no certificate was given; what there is stays in use');
      one.reason = reason;
    }
  };
}

function filesOf(dir: string, names: readonly string[]) {
  const stem = join(dir, createHash('sha256').update(names.join('\n')).digest('hex').slice(0, 24));
  return { chain: `${stem}.pem`, key: `${stem}.key` };
}

function isOld({ notBeforeMs, notAfterMs }: HeldCertificate, now: number): boolean {
  return notAfterMs - now < (notAfterMs - notBeforeMs) / 3;
}

async function accountKeyIn(dir: string): Promise<string> {
  const path = join(dir, 'account.key');
  const kept = await readFile(path, 'utf8').catch(() => undefined);
  if (kept !== undefined) return kept;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await writeWhole(path, pem);
  return pem;
}

async function writeWhole(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
}
