/**
 * The certificates of the web: from files that somebody else keeps in order, looked at again and again, or of the host's own authority. What was read once
 * stays in use until something better can be read: a file that is half-written, wrong or gone takes nobody's page away.
 */
import { stat } from 'node:fs/promises';
import { messageOf } from '../../base/fault.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Service } from '../../base/service.ts';
import type { WebCertificate } from '../../core/web-certificate.ts';
import { keepLocalCertificate } from './local-authority.ts';
import { type CertificateFiles, type HeldCertificate, readCertificate } from './read.ts';

export interface WebCertificates extends Service {
  current(): CurrentCertificates;
  /** Looks at once; `start` does so by itself. */
  look(): Promise<void>;
}

export interface CurrentCertificates {
  readonly certificates: readonly WebCertificate[];
  /** PEM of the host's own authority, if that is who certified. */
  readonly authority: string | undefined;
}

export interface WebCertificatesOptions {
  /** None: the host's own authority. */
  readonly files: readonly CertificateFiles[];
  /** Of the host's own authority. No names: none is made. */
  readonly dir: string;
  readonly names: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
  readonly onChange: () => void;
}

const lookEveryMs = 10_000;
const dayMs = 86_400_000;
const soonMs = 14 * dayMs;

export function makeWebCertificates({ files, dir, names, clock, log, onChange }: WebCertificatesOptions): WebCertificates {
  const held = new Map<string, { readonly seen: string; readonly certificate: HeldCertificate | undefined }>();
  let local: CurrentCertificates | undefined;
  let timer: NodeJS.Timeout | undefined;
  let looking = Promise.resolve();
  let lastLocalMs = -Infinity;

  async function lookAtFiles(pair: CertificateFiles): Promise<boolean> {
    const seen = `${await fingerprint(pair.chain)} ${await fingerprint(pair.key)}`;
    const former = held.get(pair.chain);
    if (former?.seen === seen) return false;
    try {
      const certificate = await readCertificate(pair);
      held.set(pair.chain, { seen, certificate });
      tell(pair, certificate);
      return true;
    } catch (error) {
      held.set(pair.chain, { seen, certificate: former?.certificate });
      log.error({ error: messageOf(error) }, former?.certificate === undefined ? 'no certificate' : 'the former certificate stays in use');
      return false;
    }
  }

  function tell({ chain }: CertificateFiles, { notAfterMs, names: certified }: HeldCertificate): void {
    const leftMs = notAfterMs - clock.now();
    const until = new Date(notAfterMs).toISOString();
    if (leftMs < soonMs) log.warn({ chain, until }, leftMs < 0 ? 'this certificate has run out' : 'this certificate runs out soon');
    else log.info({ chain, names: certified, until }, 'a certificate is in use');
  }

  async function lookAtLocal(): Promise<boolean> {
    if (clock.now() - lastLocalMs < dayMs) return false;
    const { authority, certificate } = await keepLocalCertificate(dir, names, clock.now());
    lastLocalMs = clock.now();
    const { names: certified, chain, key } = certificate;
    const isOther = local?.certificates[0]?.chain !== chain;
    local = { authority, certificates: [{ names: certified, chain, key }] };
    return isOther;
  }

  async function look(): Promise<void> {
    if (files.length === 0 && names.length === 0) return;
    const changes = files.length === 0 ? [await lookAtLocal()] : await Promise.all(files.map(lookAtFiles));
    if (changes.includes(true)) onChange();
  }

  const lookInTurn = async () => {
    const next = looking.then(look);
    looking = next.catch((error: unknown) => log.error({ error: messageOf(error) }, 'certificates'));
    await looking;
  };

  return {
    name: 'certificates',
    look: lookInTurn,
    current() {
      if (files.length === 0) return local ?? { certificates: [], authority: undefined };
      const certificates = files.flatMap(({ chain }) => held.get(chain)?.certificate ?? []);
      return {
        certificates: certificates.map(({ names: certified, chain, key }) => ({ names: certified, chain, key })),
        authority: undefined,
      };
    },
    async start() {
      await lookInTurn();
      timer = setInterval(() => void lookInTurn(), lookEveryMs);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      await looking;
    },
  };
}

/** Another when the file is another, or changed; what stands for its absence, too. */
async function fingerprint(path: string): Promise<string> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found === undefined ? 'absent' : `${found.ino} ${found.size} ${found.mtimeNs}`;
}
