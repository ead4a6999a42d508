/** Where the certificates of the web come from, as the configuration says: files, an ACME server, or an authority of the host's own. */
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { messageOf } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import type { Service } from '../base/service.ts';
import { certificateNames } from '../core/web-origins.ts';
import type { WebState } from '../core/web-route.ts';
import { type Acme, makeAcme } from '../host/acme/acme.ts';
import { makeAcmeCertificates } from '../host/acme/acme-certificates.ts';
import { type HttpChallenges, makeDnsHook, makeHttpChallenges } from '../host/acme/solvers.ts';
import { makeWebCertificates } from '../host/certificates/web-certificates.ts';
import type { Config } from './config.ts';
import { frontPorts } from './edge-kind.ts';
import type { AcmeConfig } from './gateway-config.ts';

export interface CertificateSource extends Service {
  current(): Pick<WebState, 'certificates' | 'challenges' | 'authority'>;
}

export interface CertificateTells {
  /** Resolves when others are shown. */
  readonly changed: () => Promise<void>;
  /** Of servers, proven. */
  readonly domains: () => readonly string[];
}

export function certificatesFor(config: Config, publicHost: string, log: Log, tells: CertificateTells): CertificateSource {
  const { web, stateDir } = config;
  const isServed = web.isEnabled && web.listeners.includes('https');
  const names = isServed ? certificateNames({ publicHost, domain: web.domain }) : [];
  const dir = join(stateDir, 'certificates');
  const onChange = () => void tells.changed().catch(() => {});
  const plain = makeWebCertificates({ files: web.certificates, dir, names, clock: systemClock, log, onChange });
  if (web.acme === undefined || !isServed) return withChallenges(plain, () => []);
  const challenges = web.acme.hook === undefined ? httpChallenges(config, tells) : undefined;
  const { acme } = web;
  const given = makeAcmeCertificates({
    dir: join(dir, 'acme'),
    acme: (accountKey) => lateAcme(acme, accountKey, challenges, log),
    wanted: () => wantedNames(names, challenges === undefined ? [] : tells.domains(), challenges === undefined),
    fallback: plain,
    clock: systemClock,
    random: Math.random,
    log,
    onChange,
  });
  return withChallenges(given, () => challenges?.current() ?? []);
}

function withChallenges<T extends Service & { current(): Omit<WebState, 'challenges'> | Pick<WebState, 'certificates' | 'authority'> }>(
  source: T,
  challenges: () => WebState['challenges'],
): CertificateSource {
  return {
    name: source.name,
    start: async () => await source.start(),
    stop: async () => await source.stop(),
    current: () => {
      const { certificates, authority } = source.current();
      return { certificates, authority, challenges: challenges() };
    },
  };
}

/** Those that an authority certifies: wildcards by the DNS alone, and each server's own domain by itself, so that one that fails keeps no other away. */
function wantedNames(names: readonly string[], domains: readonly string[], hasDns: boolean): readonly (readonly string[])[] {
  const ours = names.filter((name) => name.includes('.') && isIP(name) === 0 && (hasDns || !name.startsWith('*.')));
  return [...(ours.length === 0 ? [] : [ours]), ...domains.map((name) => [name])];
}

function httpChallenges(config: Config, { changed }: CertificateTells): HttpChallenges {
  const host = config.gateway.host === undefined || config.gateway.host === '0.0.0.0' ? '127.0.0.1' : config.gateway.host;
  return makeHttpChallenges({ onChange: changed, at: () => ({ host, port: config.web.ports.http ?? frontPorts(config).http ?? 80 }) });
}

/** Its authority's file is read when it is needed: one that is missing is told of, and keeps nothing else away. */
function lateAcme(
  { directory, contact, hook, ca }: AcmeConfig,
  accountKey: string,
  challenges: HttpChallenges | undefined,
  log: Log,
): Acme {
  const solver = challenges?.solver ?? makeDnsHook(hook ?? '');
  let acme: Acme | undefined;
  return {
    async order(names, signal) {
      const read = async (path: string) =>
        await readFile(path, 'utf8').catch((error: unknown) => {
          log.error({ path, error: messageOf(error) }, "web.acme.ca, the authority of the ACME server, can't be read");
          return undefined;
        });
      acme ??= makeAcme({ directoryUrl: directory, contact, ca: ca === undefined ? undefined : await read(ca), accountKey, solver });
      return await acme.order(names, signal);
    },
  };
}
