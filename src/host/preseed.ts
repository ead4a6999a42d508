/**
 * What of ours is in Incus: a storage pool, a bridge and a project, each beside whatever else an administrator keeps there. Made when absent, mended
 * where it drifted, never made smaller and never taken from somebody else: what has our name and is of another kind is refused with a sentence.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fault } from '../core/errors.ts';
import type { IncusApi } from './incus-api.ts';
import { runProgram } from './program.ts';

export interface PoolWanted {
  readonly name: string;
  readonly sizeBytes: number;
  /** The whole file is taken from the host's disk at once, so that servers can never fill it. A sparse one is for tests. */
  readonly isPreallocated: boolean;
}

export interface BridgeWanted {
  readonly name: string;
  /** The host's address with the private network's length: `192.168.0.1/16`. */
  readonly address: string;
  /** False: servers' questions for names end at the bridge (tests). */
  readonly resolvesOutside: boolean;
}

export interface PreseedWanted {
  /** Where Incus keeps its things: the pool's file is below it. */
  readonly incusDir: string;
  readonly project: string;
  readonly pool: PoolWanted;
  readonly bridge: BridgeWanted;
}

interface Entity {
  readonly config: Readonly<Record<string, string>>;
  readonly description?: string;
  readonly driver?: string;
  readonly type?: string;
  readonly managed?: boolean;
}

/** One thing that is not as wanted: what it is, and the deed that makes it so. */
export interface PreseedStep {
  readonly what: string;
  /** Whether servers work without it. */
  readonly canWait?: true;
  apply(): Promise<void>;
}

/** What is not as wanted; nothing when all is. */
export async function preseedSteps(api: IncusApi, wanted: PreseedWanted): Promise<readonly PreseedStep[]> {
  const steps = [await poolStep(api, wanted), await bridgeStep(api, wanted.bridge), await projectStep(api, wanted)];
  return steps.filter((step) => step !== undefined);
}

export async function preseed(api: IncusApi, wanted: PreseedWanted): Promise<readonly string[]> {
  const steps = await preseedSteps(api, wanted);
  for (const step of steps) await step.apply();
  return steps.map(({ what }) => what);
}

/** Where Incus puts the file of a loop pool that it made itself. */
export function poolFile(incusDir: string, pool: string): string {
  return join(incusDir, 'disks', `${pool}.img`);
}

async function poolStep(api: IncusApi, { incusDir, pool }: PreseedWanted): Promise<PreseedStep | undefined> {
  const path = `/1.0/storage-pools/${pool.name}`;
  const found = await api.ask<Entity>('GET', path);
  if (found !== undefined && found.driver !== 'btrfs') {
    throw fault(
      'cannot-here',
      `Incus has a storage pool "${pool.name}" of driver ${found.driver ?? '?'} already, and ours is btrfs: name another in the configuration`,
    );
  }
  const file = poolFile(incusDir, pool.name);
  if (found === undefined) {
    const config = { size: String(pool.sizeBytes), 'btrfs.mount_options': mountOptions(pool) };
    const body = { name: pool.name, driver: 'btrfs', description: 'the disks of myserver', config };
    return {
      what: `storage pool ${pool.name} of ${(pool.sizeBytes / 2 ** 30).toFixed(1)} GiB`,
      apply: async () => {
        await api.ask('POST', '/1.0/storage-pools', body);
        if (pool.isPreallocated) await preallocate(file);
      },
    };
  }
  if (!pool.isPreallocated || found.config['source'] !== file || (await isWhole(file))) return undefined;
  return { what: `room on the disk for all of pool ${pool.name}`, canWait: true, apply: () => preallocate(file) };
}

/** btrfs hands freed blocks back to the file below it (discard=async is its default), which would undo the preallocation bit by bit. */
function mountOptions(pool: PoolWanted): string {
  return pool.isPreallocated ? 'user_subvol_rm_allowed,nodiscard' : 'user_subvol_rm_allowed';
}

/** Whether the disk has given all blocks of it. A little is forgiven: file systems count their own tables differently. */
export async function isWhole(file: string): Promise<boolean> {
  const { size, blocks } = await stat(file);
  return blocks * 512 >= size * 0.99;
}

async function preallocate(file: string): Promise<void> {
  const { size } = await stat(file);
  // Fills the holes and leaves what is there (fallocate(2), mode 0).
  await runProgram(['fallocate', '--length', String(size), file]);
}

async function bridgeStep(api: IncusApi, bridge: BridgeWanted): Promise<PreseedStep | undefined> {
  const path = `/1.0/networks/${bridge.name}`;
  const found = await api.ask<Entity>('GET', path);
  const config = {
    'ipv4.address': bridge.address,
    'ipv4.nat': 'true',
    'ipv6.address': 'none',
    ...(bridge.resolvesOutside ? {} : { 'raw.dnsmasq': 'no-resolv' }),
  };
  const body = { config, description: 'the private network of myserver' };
  if (found === undefined || found.managed === false) {
    if (found?.managed === false) {
      throw fault(
        'cannot-here',
        `this machine has an interface "${bridge.name}" already that is not Incus's: remove it, or name another bridge in the configuration`,
      );
    }
    const make = { ...body, name: bridge.name, type: 'bridge' };
    return { what: `bridge ${bridge.name} at ${bridge.address}`, apply: async () => void (await api.ask('POST', '/1.0/networks', make)) };
  }
  if (found.type !== 'bridge')
    throw fault(
      'cannot-here',
      `Incus has a network "${bridge.name}" of type ${found.type ?? '?'}, not a bridge: name another in the configuration`,
    );
  return drift(api, path, `bridge ${bridge.name} at ${bridge.address}`, found, config);
}

/**
 * What no server may ever be given, whoever asks Incus for it: another's uid range, privileges, devices of the host, another network. Low-level
 * configuration is allowed because a host with cgroups of version 1 needs one line of it (`raw.lxc`).
 */
function projectConfig(bridge: string): Record<string, string> {
  return {
    'features.images': 'true',
    'features.profiles': 'true',
    'features.storage.volumes': 'true',
    'features.networks': 'false',
    restricted: 'true',
    'restricted.containers.privilege': 'isolated',
    'restricted.containers.lowlevel': 'allow',
    'restricted.networks.access': bridge,
  };
}

async function projectStep(api: IncusApi, { project, bridge }: PreseedWanted): Promise<PreseedStep | undefined> {
  const path = `/1.0/projects/${project}`;
  const found = await api.ask<Entity>('GET', path);
  const config = projectConfig(bridge.name);
  if (found !== undefined) return drift(api, path, `project ${project}`, found, config);
  const body = { name: project, description: 'the servers of myserver', config };
  return { what: `project ${project}`, apply: async () => void (await api.ask('POST', '/1.0/projects', body)) };
}

/** A step only when a key of ours says something else; keys that an administrator added stay. */
function drift(
  api: IncusApi,
  path: string,
  what: string,
  found: Entity,
  config: Readonly<Record<string, string>>,
): PreseedStep | undefined {
  const drifted = Object.entries(config).filter(([key, value]) => (found.config[key] ?? '') !== value);
  if (drifted.length === 0) return undefined;
  return {
    what: `${what} (${drifted.map(([key]) => key).join(', ')})`,
    apply: async () => void (await api.ask('PATCH', path, { config: Object.fromEntries(drifted) })),
  };
}
