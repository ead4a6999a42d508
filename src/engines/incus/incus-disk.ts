/**
 * What a disk of the pool holds, told by btrfs itself. Incus's API gives only the bytes that an instance shares with nobody; its size limit counts the
 * image's as well. Needs the pool to be on this host; elsewhere nothing is told, and the limit counts the image against the person.
 */
import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const runProgram = promisify(execFile);

export interface DiskPlace {
  /** Incus's socket; its directory is Incus's own. */
  readonly socket: string;
  readonly project: string;
  readonly pool: string;
  /** Words before a program that run it where Incus's pool is mounted; none on a usual host. */
  readonly enter: readonly string[];
}

/** All bytes the instance's disk refers to, the image's among them, counted now. Undefined where that cannot be told. */
export async function referencedBytes(place: DiskPlace, name: string): Promise<number | undefined> {
  try {
    const stdout = await runWithDisk(place, ['btrfs', 'qgroup', 'show', '--sync', '--raw', '-f', pathOfDisk(place, name)]);
    const line = stdout.split('\n').find((text) => /^\d+\/\d+\s/u.test(text));
    const bytes = Number(line?.trim().split(/\s+/u)[1]);
    return Number.isSafeInteger(bytes) ? bytes : undefined;
  } catch {
    // Another kind of pool, another host, no btrfs-progs: it cannot be told.
    return undefined;
  }
}

/**
 * Waits until what was written is on the pool. Incus's helper for files does the same after its last connection, and a start that meets it at that
 * sleeps a whole second (cmd/incusd/main_forkfile.go of 6.0: it polls); a start after this does not.
 */
export async function settleDisk(place: DiskPlace, name: string): Promise<void> {
  try {
    await runWithDisk(place, ['sync', '--file-system', pathOfDisk(place, name)]);
  } catch {
    // The pool is elsewhere: then a start may be slower, no more.
  }
}

/**
 * Waits until the pool has freed what removed disks held: for as long as it has more room from one look to the next. btrfs frees a removed disk in the
 * background after the next commit, which by itself comes within 30 s, so it is told to commit at each look. Its own `subvolume sync` is no help: it waits
 * for ever for a removed disk that a server's namespace still has mounted.
 */
export async function reclaimSpace(place: DiskPlace, signal: AbortSignal | undefined): Promise<void> {
  const until = Date.now() + longestReclaimMs;
  let before = -1;
  for (let room = await roomAfterCommit(place); room > before && Date.now() < until; room = await roomAfterCommit(place)) {
    before = room;
    await sleep(reclaimPauseMs, undefined, { signal });
  }
}

/** btrfs took 0.2 to 0.9 s for a disk of 1 GB, from the commit on. */
const reclaimPauseMs = 1000;
const longestReclaimMs = 30_000;

/** Lets the pool begin to free a disk that was just removed. Nobody waits for it: a commit takes as long as others have written. */
export function freeSoon(place: DiskPlace): void {
  void roomAfterCommit(place);
}

/** Free blocks of the pool; -1 where that cannot be told, because it is of another kind or elsewhere. */
async function roomAfterCommit(place: DiskPlace): Promise<number> {
  const pool = pathOfPool(place);
  try {
    await runWithDisk(place, ['btrfs', 'filesystem', 'sync', pool]);
    return Number(await runWithDisk(place, ['stat', '--file-system', '--format=%a', pool]));
  } catch {
    return -1;
  }
}

async function runWithDisk(place: DiskPlace, command: readonly string[]): Promise<string> {
  const [program = 'true', ...args]: readonly string[] = [...place.enter, ...command];
  return (await runProgram(program, args, { timeout: 60_000 })).stdout;
}

function pathOfPool({ socket, pool }: DiskPlace): string {
  return join(dirname(socket), 'storage-pools', pool);
}

export function pathOfDisk(place: DiskPlace, name: string): string {
  // Incus's own layout: an instance outside the default project is PROJECT_NAME on disk.
  const directory = place.project === 'default' ? name : `${place.project}_${name}`;
  return join(pathOfPool(place), 'containers', directory);
}
