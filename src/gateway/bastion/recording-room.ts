/** Room for recordings on their disk. What they must leave free is the host's: full, it would be everybody's trouble. */
import { statfs } from 'node:fs/promises';

/** As statfs(2) says them. */
export interface DiskFacts {
  readonly bsize: number;
  readonly blocks: number;
  readonly bavail: number;
}

const leastFreeBytes = 2 ** 30;
const leastFreePart = 0.05;
/** Between two looks. */
const lookMs = 1000;

/** Says whether the disk is nearly full, by its last look, without waiting: sessions do not wait for disks. A disk that cannot be looked at has room. */
export function watchRoom(dir: string, now: () => number = () => performance.now(), look: (dir: string) => Promise<DiskFacts> = statfs) {
  let isLow = false;
  let lookedAt = -lookMs;
  return (): boolean => {
    if (now() - lookedAt >= lookMs) {
      lookedAt = now();
      look(dir).then(
        ({ bsize, blocks, bavail }) => (isLow = bavail * bsize < Math.max(leastFreeBytes, leastFreePart * blocks * bsize)),
        () => (isLow = false),
      );
    }
    return isLow;
  };
}
