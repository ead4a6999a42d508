/** The distribution's packages that a host needs, from the host's own apt sources and, where those have no Incus, their backports. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fault } from '../core/errors.ts';
import { findIncusd } from './incusd.ts';
import { runProgram, tryProgram } from './program.ts';
import type { HostStep } from './step.ts';

/** `incus-base` has containers only: no QEMU comes with it. */
const incusPackages = ['incus-base', 'incus-client'] as const;

const otherPackages =
  'lxcfs dnsmasq-base btrfs-progs nftables conntrack iproute2 uidmap mmdebstrap squashfs-tools openssh-client ca-certificates procps util-linux'.split(
    ' ',
  );

const backportsPath = '/etc/apt/sources.list.d/myserver-backports.sources';

/** A dpkg that somebody else runs is waited for this long; beyond it something hangs. */
const lockSeconds = 300;
const installMs = 1_800_000;

export function packagesStep(): HostStep {
  return {
    name: 'packages',
    async check() {
      const missing = await missingPackages();
      return missing.length === 0 ? undefined : missing.join(' ');
    },
    async apply(signal) {
      const missing = await missingPackages();
      const apt = (words: readonly string[]) =>
        runProgram(['apt-get', '-y', '-q', '-o', `DPkg::Lock::Timeout=${lockSeconds}`, ...words], {
          signal,
          timeoutMs: installMs,
          env: { DEBIAN_FRONTEND: 'noninteractive' },
        });
      await apt(['update']);
      const incus = missing.filter((name) => incusPackages.some((one) => one === name));
      if (incus.length > 0) {
        const release = await incusRelease(() => apt(['update']));
        await apt(['install', '--no-install-recommends', ...(release === undefined ? [] : ['-t', release]), ...incus]);
      }
      const others = missing.filter((name) => !incus.includes(name));
      if (others.length > 0) await apt(['install', '--no-install-recommends', ...others]);
    },
  };
}

/** An Incus that came another way than by the distribution is as good. */
async function missingPackages(): Promise<readonly string[]> {
  const hasIncusd = await findIncusd().then(
    () => true,
    () => false,
  );
  const hasClient = (await tryProgram(['sh', '-c', 'command -v incus'])).exitCode === 0;
  const wanted = [...(hasIncusd && hasClient ? [] : incusPackages), ...otherPackages];
  const { stdout } = await tryProgram(['dpkg-query', '--show', '--showformat', '${Package} ${db:Status-Status}\n', ...wanted]);
  const installed = new Set(
    stdout
      .split('\n')
      .filter((line) => line.endsWith(' installed'))
      .map((line) => line.split(' ', 1)[0]),
  );
  return wanted.filter((name) => !installed.has(name));
}

/** The release to name for Incus: undefined where the host's own sources have it. Adds the backports where they do not. */
async function incusRelease(update: () => Promise<unknown>): Promise<string | undefined> {
  const { id, codename } = await readRelease();
  const backports = `${codename}-backports`;
  const policy = await runProgram(['apt-cache', 'policy', 'incus-base']);
  if (hasCandidate(policy)) return policy.includes(`${backports}/`) ? backports : undefined;
  if (id !== 'debian') {
    throw fault(
      'cannot-here',
      `Incus was looked for in this machine's apt sources and is not there: on Ubuntu 24.04, enable the component "universe", then run ./up again`,
    );
  }
  const format = '$(REPO_URI)\t$(SIGNED_BY)';
  const targets = await runProgram(['apt-get', 'indextargets', '--format', format, 'Created-By: Packages', `Release: ${codename}`]);
  const [uri = '', signedBy = ''] = (targets.split('\n', 1)[0] ?? '').split('\t');
  if (uri === '')
    throw fault(
      'cannot-here',
      `this machine's apt has no source of ${codename}, so its backports (where Incus is) cannot be found: see /etc/apt/sources.list.d`,
    );
  await writeWhole(backportsPath, backportsSource(uri, backports, signedBy));
  await update();
  if (hasCandidate(await runProgram(['apt-cache', 'policy', 'incus-base']))) return backports;
  throw fault(
    'cannot-here',
    `${backports} was added as an apt source for Incus, and has none: see that "apt-get update" reaches it, then run ./up again`,
  );
}

export function hasCandidate(policy: string): boolean {
  return /^\s*Candidate: (?!\(none\))\S/mu.test(policy);
}

/** In deb822. Backports are never preferred by apt: only what asks for them by name comes from there. */
export function backportsSource(uri: string, suite: string, signedBy: string): string {
  const keyring = signedBy === '' ? '/usr/share/keyrings/debian-archive-keyring.gpg' : signedBy;
  return `# Added by myserver, for Incus.\nTypes: deb\nURIs: ${uri}\nSuites: ${suite}\nComponents: main\nSigned-By: ${keyring}\n`;
}

export interface Release {
  /** `debian`, `ubuntu`. */
  readonly id: string;
  readonly version: string;
  readonly codename: string;
  readonly name: string;
}

export async function readRelease(path = '/etc/os-release'): Promise<Release> {
  return parseRelease(await readFile(path, 'utf8').catch(() => ''));
}

/** os-release(5). */
export function parseRelease(text: string): Release {
  const field = (key: string) => new RegExp(`^${key}=(["']?)(.*)\\1$`, 'mu').exec(text)?.[2] ?? '';
  return { id: field('ID'), version: field('VERSION_ID'), codename: field('VERSION_CODENAME'), name: field('PRETTY_NAME') };
}

/** All or nothing: a reader never sees half of it. */
export async function writeWhole(path: string, content: string, mode = 0o644): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const half = `${path}.${process.pid}.new`;
  await writeFile(half, content, { mode });
  await rename(half, path);
}
