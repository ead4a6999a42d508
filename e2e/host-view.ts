/** What is on the host, seen past control: Incus's own list, its disks, the kernel's rules, cables and addresses. What the store says must match it all. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseGeneration, parseServerId } from '../src/core/ids.ts';
import type { ServerView } from '../src/contract/schemas.ts';
import { cableNameOf, instanceNameOf } from '../src/engines/engine.ts';
import type { Ran, RunOptions } from '../src/testing/run-process.ts';
import type { TestInstallation } from '../src/testing/test-installation.ts';
import type { Root } from './root-client.ts';

export function nameOf({ id, generation }: Pick<ServerView, 'id' | 'generation'>): string {
  return instanceNameOf(parseServerId(id), parseGeneration(generation));
}

export function cableOf({ id, generation }: Pick<ServerView, 'id' | 'generation'>): string {
  return cableNameOf(parseServerId(id), parseGeneration(generation));
}

/** The administrator's own `incus`, by hand. */
export async function incus(installation: TestInstallation, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { socket, project, dir } = installation.engine;
  const env = { ...process.env, HOME: dir, INCUS_SOCKET: socket, INCUS_PROJECT: project };
  return await installation.run('host', ['incus', ...args], { ...options, env });
}

/** A shell script as root inside a server, whatever comes of it. `inside` is for scripts that must succeed. */
export async function tryInside(
  installation: TestInstallation,
  server: Pick<ServerView, 'id' | 'generation'>,
  script: string,
  options: RunOptions = {},
): Promise<Ran> {
  return await incus(installation, ['exec', '-T', nameOf(server), '--', 'sh', '-c', script], options);
}

interface HostView {
  readonly instances: readonly string[];
  readonly disks: readonly string[];
  readonly volumes: readonly string[];
  readonly forwards: readonly string[];
  readonly leased: readonly string[];
  readonly cables: readonly string[];
}

/** Nothing is leaked or doubled: what the store has, the host has, and nothing else. */
export async function assertWhole(installation: TestInstallation, root: Root, where = ''): Promise<void> {
  const { servers } = await root.client.call('listServers', { query: {} });
  const { operations } = await root.client.call('listOperations', { query: {} });
  const unfinished = operations.filter(({ endedAt }) => endedAt === null);
  assert.deepEqual(
    unfinished.map(({ kind, subject }) => `${kind} ${subject}`),
    [],
    `${where} operations`,
  );
  assert.equal(new Set(servers.map(({ address }) => address)).size, servers.length, `${where} addresses`);
  const names = servers.map((server) => nameOf(server)).toSorted();
  const running = servers.filter(({ status }) => status === 'running').map((server) => cableOf(server));
  const word = (server: ServerView) => `${nameOf(server)} ${server.status === 'running' ? 'Running' : 'Stopped'}`;
  const wanted: HostView = {
    instances: servers.map(word).toSorted(),
    disks: names,
    volumes: names,
    forwards: servers.flatMap(({ address, ports }) => ports.map((port) => `${port.publicPort} ${address} ${port.privatePort}`)).toSorted(),
    leased: servers.map(({ address }) => address).toSorted(),
    cables: running.toSorted(),
  };
  assert.deepEqual(await lookAtHost(installation), wanted, where);
  const reserved = await addressesGivenOut(installation);
  assert.deepEqual(
    reserved.filter((name) => !names.includes(name)),
    [],
    `${where} addresses that the DHCP server still keeps for somebody`,
  );
}

async function lookAtHost(installation: TestInstallation): Promise<HostView> {
  const { engine } = installation;
  const lines = async (argv: readonly string[]) => {
    const ran = await installation.run('host', argv);
    assert.equal(ran.exitCode, 0, `${argv.join(' ')}: ${ran.stderr}`);
    return ran.stdout.split('\n').filter((line) => line !== '');
  };
  const listed = await incus(installation, ['list', '-f', 'json']);
  assert.equal(listed.exitCode, 0, listed.stderr);
  const instances = JSON.parse(listed.stdout) as readonly { readonly name: string; readonly status: string }[];
  const volumes = await engine.api.ask<readonly string[]>('GET', `/1.0/storage-pools/${engine.pool}/volumes?project=${engine.project}`);
  const pool = join(engine.incusDir, 'storage-pools', engine.pool);
  const subvolumes = await lines([...engine.inside, 'btrfs', 'subvolume', 'list', pool]);
  const links = await lines(['ip', '-o', 'link', 'show', 'master', engine.bridge]);
  return {
    instances: instances.map(({ name, status }) => `${name} ${status}`).toSorted(),
    disks: subvolumes.flatMap((line) => /containers\S*\/myserver_(\S+)$/u.exec(line)?.[1] ?? []).toSorted(),
    volumes: (volumes ?? []).flatMap((path) => /\/container\/([^?]+)/u.exec(path)?.[1] ?? []).toSorted(),
    forwards: (await elements(installation, ['map', 'inet', 'tcp_forward'])).toSorted(),
    leased: (await elements(installation, ['set', 'inet', 'leased'])).toSorted(),
    cables: links.flatMap((line) => /^\d+: ([^@:]+)/u.exec(line)?.[1] ?? []).toSorted(),
  };
}

export const rulesTable = 'myserver_test';

/** As words: `12003 10.77.1.3 22`. */
async function elements(
  installation: TestInstallation,
  [kind, family, name]: readonly [string, string, string],
): Promise<readonly string[]> {
  const listed = await installation.run('host', ['nft', '-j', 'list', kind, family, rulesTable, name]);
  assert.equal(listed.exitCode, 0, listed.stderr);
  const { nftables } = JSON.parse(listed.stdout) as {
    readonly nftables: readonly { readonly [key: string]: { readonly elem?: unknown } }[];
  };
  const found = nftables.flatMap((part) => part[kind]?.elem ?? []);
  return (found as readonly unknown[]).map(
    (element) =>
      JSON.stringify(element)
        .match(/[\d.]+/gu)
        ?.join(' ') ?? '',
  );
}

/** Names that the bridge's DHCP server holds an address for, by configuration or by lease. */
async function addressesGivenOut({ engine }: TestInstallation): Promise<readonly string[]> {
  const place = join(engine.incusDir, 'networks', engine.bridge);
  const hosts = (await readdir(join(place, 'dnsmasq.hosts'))).map((file) => file.replace(/^myserver_/u, '').replace(/\.eth0$/u, ''));
  const leases = (await readFile(join(place, 'dnsmasq.leases'), 'utf8')).split('\n').flatMap((line) => line.split(' ')[3] ?? []);
  return [...hosts, ...leases];
}
