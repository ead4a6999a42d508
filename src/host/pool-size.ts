/** How large the pool becomes: chosen from the free disk, so that servers can never fill the host's own. */
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fault } from '../core/errors.ts';

const gib = 2 ** 30;

/** Below it not even a few servers fit. */
export const leastPoolBytes = 5 * gib;
/** Kept free for the host itself, the store and image builds (about 1 GB of work each). */
export const hostReserveBytes = 5 * gib;
/** More is rarely used, and a pool can be made larger later (`incus storage set`), never smaller. */
const usualLargestBytes = 256 * gib;

export interface DiskSpace {
  readonly totalBytes: number;
  readonly freeBytes: number;
}

/** Of the file system that holds `path`, or its nearest parent that is there. */
export async function diskSpaceAt(path: string): Promise<DiskSpace> {
  try {
    const { bsize, blocks, bavail } = await statfs(path);
    return { totalBytes: bsize * blocks, freeBytes: bsize * bavail };
  } catch (error) {
    if (path === '/' || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return diskSpaceAt(dirname(path));
  }
}

/** Half of what is free beyond the reserve, in whole GiB; or what was asked for, if the reserve stays. Throws `pool-full` with the numbers. */
export function choosePoolBytes({ freeBytes }: DiskSpace, askedBytes?: number): number {
  const room = freeBytes - hostReserveBytes;
  const inGib = (bytes: number) => `${(bytes / gib).toFixed(1)} GiB`;
  if (askedBytes !== undefined) {
    if (askedBytes < leastPoolBytes)
      throw fault('bad-size', `a pool of ${inGib(askedBytes)} was asked for, and less than ${inGib(leastPoolBytes)} is of no use`);
    if (askedBytes <= room) return askedBytes;
    throw fault(
      'pool-full',
      `a pool of ${inGib(askedBytes)} was asked for; ${inGib(freeBytes)} are free, of which ${inGib(hostReserveBytes)} stay the host's: ask for less, or make room`,
    );
  }
  const chosen = Math.floor(Math.min(Math.max(room / 2, Math.min(room, 2 * leastPoolBytes)), usualLargestBytes) / gib) * gib;
  if (chosen >= leastPoolBytes) return chosen;
  throw fault(
    'pool-full',
    `servers need a pool of at least ${inGib(leastPoolBytes)}, and ${inGib(hostReserveBytes)} stay the host's; only ${inGib(freeBytes)} are free: make room`,
  );
}
