/** A tree of files that becomes an image: mmdebstrap makes it, apt from outside adds packages, and layers put the rest into it. */
import { chmod, glob, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Layer, Recipe } from './recipe.ts';
import { run } from './run.ts';
import { settingsFile, settingsForServers, sourcesFile, type AptSources } from './sources.ts';

export interface Tree {
  readonly root: string;
  /** For apt's files that are no part of the image. */
  readonly scratchDir: string;
  /** Fetched packages, kept from build to build. */
  readonly packagesDir: string;
  readonly apt: AptSources;
  readonly signal: AbortSignal;
}

// A power cut in the middle of a build costs only the build, so dpkg need not flush each file. A container has no devices to know by name (hwdb).
const dpkgSettings = `force-unsafe-io
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/lib/udev/hwdb.d/*
path-exclude=/lib/udev/hwdb.d/*
`;
const dpkgSettingsPath = 'etc/dpkg/dpkg.cfg.d/zz-image-build';

/** What the first packages leave before dpkg reads its settings, and what mmdebstrap and apt leave for themselves. */
const leftovers = [
  ...'usr/share/man/* usr/share/info/* usr/share/locale/* usr/lib/udev/hwdb.d/* tmp/* run/*'.split(' '),
  ...'etc/apt/apt.conf.d/*mmdebstrap var/lib/dpkg/*-old var/cache/debconf/*-old'.split(' '),
  ...'var/log/apt/* var/log/dpkg.log var/log/alternatives.log var/log/bootstrap.log'.split(' '),
  dpkgSettingsPath,
];

/** Makes `tree.root` from nothing with the packages of the recipe's first layer. */
export async function bootstrap(tree: Tree, recipe: Recipe, onLine: (line: string) => void): Promise<void> {
  const sources = join(tree.scratchDir, 'bootstrap.sources');
  const dpkg = join(tree.scratchDir, 'dpkg.cfg');
  await writeFile(sources, sourcesFile(tree.apt));
  await writeFile(dpkg, dpkgSettings);
  const prepare = [
    'mkdir -p "$1/var/cache/apt/archives" "$1/etc/dpkg/dpkg.cfg.d"',
    `cp ${quoted(dpkg)} "$1/${dpkgSettingsPath}"`,
    `mount --bind ${quoted(tree.packagesDir)} "$1/var/cache/apt/archives"`,
  ].join(' && ');
  const args = [
    ...'--mode=root --variant=minbase --format=directory --verbose --skip=cleanup/apt,essential/unlink'.split(' '),
    ...tree.apt.settings.map(({ name, value }) => `--aptopt=${name} "${value}"`),
    // Without it, bookworm takes the package that can still merge /usr, and all of Perl with it.
    ...(recipe.system.codename === 'bookworm' ? ['--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr'] : []),
    `--setup-hook=${prepare}`,
    `--include=${(recipe.layers[0]?.packages ?? []).join(',')}`,
    recipe.system.codename,
    tree.root,
    sources,
  ];
  await run('mmdebstrap', args, tree.signal, { onLine, isApart: true });
  for (const pattern of ['etc/apt/sources.list', 'etc/apt/sources.list.d/*']) await removeMatches(tree.root, pattern);
  await putFile(tree.root, '/etc/apt/sources.list.d/host.sources', sourcesFile(tree.apt), 0o644);
  const settings = settingsFile(settingsForServers(tree.apt.settings));
  if (settings !== '') await putFile(tree.root, '/etc/apt/apt.conf.d/90host', settings, 0o644);
}

/** `apt-get install` into the tree from outside, so that it needs neither a network nor certificates of its own. */
export async function addPackages(tree: Tree, packages: readonly string[], onLine: (line: string) => void): Promise<void> {
  if (packages.length === 0) return;
  const config = join(tree.scratchDir, 'apt.conf');
  const lines = [
    `Apt::Architecture "${tree.apt.architecture}";`,
    `Apt::Architectures "${tree.apt.architecture}";`,
    `Dir "${tree.root}";`,
    `Dir::State::Status "${tree.root}/var/lib/dpkg/status";`,
    'Dir::Etc::TrustedParts "/etc/apt/trusted.gpg.d";',
    `DPkg::Chroot-Directory "${tree.root}";`,
    'Apt::Install-Recommends "false";',
    'Acquire::Languages "none";',
    'Dpkg::Use-Pty "false";',
  ];
  await writeFile(config, `${lines.join('\n')}\n${settingsFile(tree.apt.settings)}`);
  await writeFile(join(tree.root, dpkgSettingsPath), dpkgSettings);
  // Keeps packages from starting their services in a place where nothing runs.
  const policy = join(tree.root, 'usr/sbin/policy-rc.d');
  await writeFile(policy, '#!/bin/sh\nexit 101\n');
  await chmod(policy, 0o755);
  const script = `mount --bind "$2" "$1/var/cache/apt/archives"; shift 2; exec apt-get --yes install "$@"`;
  await inTree(tree, ['sh', '-euc', script, 'install', tree.root, tree.packagesDir, ...packages], { onLine, env: { APT_CONFIG: config } });
  await rm(policy);
}

/** Everything of a layer but its packages. */
export async function finishLayer(tree: Tree, layer: Layer): Promise<void> {
  for (const pattern of layer.absent) await removeMatches(tree.root, pattern.slice(1));
  for (const { path, content, mode = 0o644 } of layer.files) await putFile(tree.root, path, content, mode);
  const commands = [
    ...(layer.masked.length > 0 ? [['systemctl', '--quiet', 'mask', ...layer.masked]] : []),
    ...(layer.enabled.length > 0 ? [['systemctl', '--quiet', 'enable', ...layer.enabled]] : []),
    ...layer.commands,
  ];
  for (const command of commands) await inTree(tree, ['chroot', tree.root, ...command]);
}

/** Takes out what only the build needed. Apt's indexes stay, for the next layer: packing leaves them out. */
export async function tidy(tree: Tree): Promise<void> {
  for (const pattern of leftovers) await removeMatches(tree.root, pattern);
  for await (const path of glob('usr/share/doc/*/*', { cwd: tree.root })) {
    if (!path.endsWith('/copyright')) await rm(join(tree.root, path), { recursive: true, force: true });
  }
}

/** A second tree like the first, so that several types can be laid over one bootstrap. */
export async function copyTree(tree: Tree, root: string): Promise<Tree> {
  await run('cp', ['--archive', '--reflink=auto', tree.root, root], tree.signal, { isApart: true });
  return { ...tree, root };
}

function quoted(path: string): string {
  return `'${path.replaceAll("'", `'\\''`)}'`;
}

/** Runs a program with the tree's /proc, /sys and /dev filled, in namespaces that take all that away at its end. */
async function inTree(
  tree: Tree,
  argv: readonly string[],
  options: { onLine?: (line: string) => void; env?: Record<string, string> } = {},
): Promise<void> {
  const script = `mount -t proc proc "$1/proc"; mount --rbind /sys "$1/sys"; mount --rbind /dev "$1/dev"; shift; exec "$@"`;
  await run('sh', ['-euc', script, 'in-tree', tree.root, ...argv], tree.signal, { ...options, isApart: true });
}

async function removeMatches(root: string, pattern: string): Promise<void> {
  for await (const path of glob(pattern, { cwd: root })) await rm(join(root, path), { recursive: true, force: true });
}

/** Takes away what is at the path before it writes: a link that a package left there must not lead the content out of the tree. */
async function putFile(root: string, path: string, content: string, mode: number): Promise<void> {
  const target = join(root, path);
  await mkdir(dirname(target), { recursive: true });
  await rm(target, { recursive: true, force: true });
  await writeFile(target, content, { flag: 'wx' });
  await chmod(target, mode);
}
