/** What this machine is and can. Seen, never assumed: a user's machine mostly has the opposite of the last one. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { arch, availableParallelism, freemem, totalmem } from 'node:os';
import { hasSystemd } from './init-system.ts';
import { readRelease, type Release } from './packages.ts';
import { diskSpaceAt, type DiskSpace } from './pool-size.ts';
import { tryProgram } from './program.ts';

export interface HostFacts {
  readonly release: Release;
  readonly architecture: string;
  readonly cpus: number;
  readonly memory: { readonly totalBytes: number; readonly freeBytes: number };
  /** Where the pool's file is. */
  readonly disk: DiskSpace;
  readonly hasSystemd: boolean;
  /** `old`: version 1, or both at once. */
  readonly cgroups: 'v2' | 'old';
  readonly hasAppArmor: boolean;
  readonly hasIpv6: boolean;
  /** Whether limits on what a server *sends* can be kept: needs the kernel's police action. */
  readonly canPoliceEgress: boolean;
  /** Whether the pool's file system keeps quotas of directories. We use btrfs in a file and do not need it. */
  readonly hasProjectQuotas: boolean;
  readonly hasKvm: boolean;
}

export async function readHostFacts(incusDir: string): Promise<HostFacts> {
  const [release, disk, cgroups, canPolice, mounts] = await Promise.all([
    readRelease(),
    diskSpaceAt(incusDir),
    readCgroups(),
    canPoliceEgress(),
    readFile('/proc/self/mountinfo', 'utf8'),
  ]);
  return {
    release,
    architecture: arch(),
    cpus: availableParallelism(),
    memory: { totalBytes: totalmem(), freeBytes: freemem() },
    disk,
    hasSystemd: hasSystemd(),
    cgroups,
    hasAppArmor: (await readFile('/sys/module/apparmor/parameters/enabled', 'utf8').catch(() => 'N')).startsWith('Y'),
    hasIpv6: existsSync('/proc/net/if_inet6'),
    canPoliceEgress: canPolice,
    hasProjectQuotas: /\b(?:prjquota|pquota)\b/u.test(mounts),
    hasKvm: existsSync('/dev/kvm'),
  };
}

async function readCgroups(): Promise<HostFacts['cgroups']> {
  const mounts = await readFile('/proc/self/mounts', 'utf8');
  return mounts.split('\n').some((line) => line.split(' ')[2] === 'cgroup') ? 'old' : 'v2';
}

/** Tried on the loopback device of a network that exists for that moment only. */
async function canPoliceEgress(): Promise<boolean> {
  const script =
    'ip link set lo up && tc qdisc add dev lo ingress && tc filter add dev lo parent ffff: protocol all u32 match u32 0 0 police rate 1mbit burst 10k drop';
  const { exitCode } = await tryProgram(['unshare', '--net', 'sh', '-c', script]).catch(() => ({ exitCode: 1 }));
  return exitCode === 0;
}
