/** The distribution's packages that a host needs, from the host's own apt sources and, where those have no Incus, their backports. */
import { access, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fault } from '../core/errors.ts';
import { findIncusd } from './incusd.ts';
import { runProgram, tryProgram } from './program.ts';
import type { HostStep } from './step.ts';

/** `incus-base` has containers only: no QEMU comes with it. */
const incusPackages = ['incus-base', 'incus-client'] as const;

/** `fuse3`: bookworm's lxcfs does not ask for it, and without its `fusermount` a killed lxcfs never comes back. */
const otherPackages =
  'haproxy lxcfs fuse3 dnsmasq-base btrfs-progs nftables conntrack iproute2 uidmap mmdebstrap squashfs-tools openssh-client ca-certificates procps util-linux'.split(
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
      await dropBrokenBackports();
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
  const targets = await runProgram(['apt-get', 'indextargets', '--format', indexFormat, 'Created-By: Packages', `Release: ${codename}`]);
  const { uri, signedBy } = firstIndex(targets);
  if (uri === '')
    throw fault(
      'cannot-here',
      `this machine's apt has no source of ${codename}, so its backports (where Incus is) cannot be found: see /etc/apt/sources.list.d`,
    );
  await writeWhole(backportsPath, backportsSource(uri, backports, signedBy === '' ? await debianKeyring() : signedBy));
  try {
    await update();
  } catch (error) {
    // A source that apt cannot read stops every other use of apt on this machine.
    await rm(backportsPath, { force: true });
    throw error;
  }
  if (hasCandidate(await runProgram(['apt-cache', 'policy', 'incus-base']))) return backports;
  throw fault(
    'cannot-here',
    `${backports} was added as an apt source for Incus, and has none: see that "apt-get update" reaches it, then run ./up again`,
  );
}

export function hasCandidate(policy: string): boolean {
  return /^\s*Candidate: (?!\(none\))\S/mu.test(policy);
}

const indexFormat = '$(REPO_URI)\t$(SIGNED_BY)';

/** The first line of `apt-get indextargets` in `indexFormat`. An apt that does not know a variable prints its name instead of a value (2.6 and SIGNED_BY). */
export function firstIndex(targets: string): { readonly uri: string; readonly signedBy: string } {
  const [uri = '', signedBy = ''] = (targets.split('\n', 1)[0] ?? '').split('\t').map((field) => (field.startsWith('$(') ? '' : field));
  return { uri, signedBy };
}

/** Debian's own key ring; empty where it is absent, and apt then asks the keys that it trusts for everything. */
async function debianKeyring(): Promise<string> {
  const path = '/usr/share/keyrings/debian-archive-keyring.gpg';
  return await access(path).then(
    () => path,
    () => '',
  );
}

/** In deb822. Backports are never preferred by apt: only what asks for them by name comes from there. */
export function backportsSource(uri: string, suite: string, signedBy: string): string {
  const lines = ['# Added by myserver, for Incus.', 'Types: deb', `URIs: ${uri}`, `Suites: ${suite}`, 'Components: main'];
  return [...lines, ...(signedBy === '' ? [] : [`Signed-By: ${signedBy}`]), ''].join('\n');
}

/** A source of ours that apt does not take, as an interrupted machine may hold one, is no reason for apt to fail: it is made anew when it is needed. */
async function dropBrokenBackports(): Promise<void> {
  const asked = await tryProgram(['apt-get', 'indextargets']);
  if (asked.exitCode !== 0) await rm(backportsPath, { force: true });
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
