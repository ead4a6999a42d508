/** The disk of a bare machine: a release of the distribution as its installer leaves it, from the host's own apt sources, and this checkout in /root. */
import { access, chmod, cp, mkdir, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type System, systemOfCodename } from '../host/image/recipe.ts';
import { type AptSources, readAptSources, settingsFile, sourcesFile } from '../host/image/sources.ts';
import { readRelease } from '../host/packages.ts';
import { runProgram, tryProgram } from '../host/program.ts';

const checkout = join(import.meta.dirname, '../..');
/** Where the checkout is in the machine. */
export const checkoutInside = '/root/myserver';
/** What slirp4netns answers questions for names at. */
const nameServer = '10.0.2.3';
const packages =
  'systemd-sysv,dbus,udev,libpam-systemd,sudo,openssh-server,openssh-client,iproute2,ca-certificates,procps,kmod,nftables,apt-utils';
/** A sparse file: `up` wants 5 GiB for the pool and leaves 5 GiB free; what is really written stays below 4 GiB. */
const diskBytes = 18 * 2 ** 30;
const authorities = 'usr/local/share/ca-certificates';
/** Made where the packages run, or where the checkout is used. */
const notTaken = new Set(['node_modules', '.tools', '.git', 'dist', '.cache']);

/** Those of the host's own release with another of its distribution named instead. A sentence where that cannot be had. */
export async function sourcesOf(system: System, scratchDir: string, signal: AbortSignal): Promise<AptSources | string> {
  const host = systemOfCodename((await readRelease()).codename);
  if (host === undefined || host.origin !== system.origin) return `this host's apt does not serve ${system.origin}`;
  const own = await readAptSources(host, signal);
  const sources = own.sources.map((source) => ({ ...source, suite: source.suite.replace(host.codename, system.codename) }));
  const [release] = sources;
  if (release === undefined) return `this host's apt has no sources`;
  const url = `${release.uri.replace(/\/$/u, '')}/dists/${release.suite}/InRelease`;
  const asked = await tryProgram(['/usr/lib/apt/apt-helper', 'download-file', url, join(scratchDir, 'InRelease')], { signal });
  return asked.exitCode === 0 ? { ...own, sources } : `this host's apt reaches no release ${release.suite}`;
}

/** Writes the disk to `path`. Nothing is mounted on the host for it. Takes about a minute. */
export async function makeDisk(path: string, system: System, sources: AptSources, signal: AbortSignal): Promise<void> {
  const root = `${path}.root`;
  const list = `${path}.sources`;
  await writeFile(list, sourcesFile(sources));
  await runProgram(
    [
      ...'mmdebstrap --mode=root --variant=minbase --format=directory --quiet'.split(' '),
      ...sources.settings.map(({ name, value }) => `--aptopt=${name} "${value}"`),
      `--include=${packages}`,
      system.codename,
      root,
      list,
    ],
    { signal, timeoutMs: 600_000 },
  );
  for (const name of await readdir(join(root, 'etc/apt/sources.list.d'))) await rm(join(root, 'etc/apt/sources.list.d', name));
  const files: Readonly<Record<string, string>> = {
    'etc/apt/sources.list': '',
    'etc/apt/sources.list.d/own.sources': sourcesFile(sources),
    'etc/apt/apt.conf.d/90host': settingsFile(sources.settings),
    'etc/hostname': 'bare\n',
    'etc/hosts': '127.0.0.1 localhost\n127.0.1.1 bare\n',
    'etc/resolv.conf': `nameserver ${nameServer}\n`,
    'root/.npmrc': await npmSettings(),
  };
  for (const [name, content] of Object.entries(files)) {
    await rm(join(root, name), { force: true });
    await writeFile(join(root, name), content);
  }
  await trustHostsAuthorities(root, signal);
  await copyCheckout(join(root, checkoutInside));
  await writeFile(path, '');
  await truncate(path, diskBytes);
  await runProgram(['mkfs.ext4', '-q', '-m', '0', '-d', root, path], { signal, timeoutMs: 300_000 });
  await rm(root, { recursive: true });
}

/** Which registry the host asks. Debian's npm, which asks in the machine, knows nothing of the host's own settings. */
async function npmSettings(): Promise<string> {
  const asked = await tryProgram(['npm', 'config', 'get', 'registry']).catch(() => undefined);
  const registry = asked?.exitCode === 0 ? asked.stdout.trim() : '';
  return registry === '' ? '' : `registry=${registry}\n`;
}

/** A network that looks into TLS has an authority of its own, which the administrator of a machine puts there. */
async function trustHostsAuthorities(root: string, signal: AbortSignal): Promise<void> {
  const has = await access(join('/', authorities)).then(
    () => true,
    () => false,
  );
  if (!has) return;
  await cp(join('/', authorities), join(root, authorities), { recursive: true });
  await runProgram(['chroot', root, 'update-ca-certificates'], { signal });
}

async function copyCheckout(target: string): Promise<void> {
  await mkdir(target, { recursive: true });
  for (const name of await readdir(checkout)) {
    if (!notTaken.has(name)) await cp(join(checkout, name), join(target, name), { recursive: true });
  }
  await chmod(target, 0o755);
}
