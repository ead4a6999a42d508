/** Takes away what a test's engine leaves in places that outlive processes: its own at the end, those of dead runs before the next one. */
import { readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { tryProgram } from '../host/program.ts';
import { isAlive } from './process-name.ts';

/** Not /tmp, which may be memory: pools grow to gigabytes. */
export const testRoot = '/var/tmp/myserver-test';

/** In an engine's directory: names the process that made it. */
export const ownerFile = 'owner';

export function netnsNames(name: string): { readonly engine: string; readonly client: string } {
  return { engine: `ms-${name}`, client: `ms-${name}-client` };
}

/** Engines of runs that were killed. Several runs may sweep at once. */
export async function sweepDeadEngines(): Promise<void> {
  for (const name of await readdir(testRoot).catch(() => [])) {
    const owner = await readFile(join(testRoot, name, ownerFile), 'utf8').catch(() => undefined);
    // Without an owner it is being made, or its last file has just been removed, by somebody else at this moment.
    if (owner !== undefined && !isAlive(owner)) await removeTraces(name);
  }
}

/** Everything of this engine. What still runs of it is ended first. */
export async function removeTraces(name: string): Promise<void> {
  const dir = join(testRoot, name);
  await endRoom(await readFile(roomFile(dir), 'utf8').catch(() => ''));
  const { engine, client } = netnsNames(name);
  for (const netns of [engine, client]) await tryProgram(['ip', 'netns', 'delete', netns]);
  for (const instance of await readdir(join(dir, 'incus', 'containers')).catch(() => []))
    await removeCgroups([`lxc.payload.${instance}`, `lxc.monitor.${instance}`]);
  await removeCgroups([engine]);
  await poolIsLetGo(dir);
  // The owner goes last: a run that sweeps meanwhile then does all of this too, and does not take what is half gone for an engine that is being made.
  for (const entry of await readdir(dir).catch(() => [])) if (entry !== ownerFile) await removeTree(join(dir, entry));
  await removeTree(dir);
}

async function removeTree(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}

/** The file that names the first process of the engine's room. */
export function roomFile(dir: string): string {
  return join(dir, 'room');
}

/** A room closes by itself when its owner dies, but in its own time. With its first process, all of its processes are gone. */
async function endRoom(room: string): Promise<void> {
  while (room !== '' && isAlive(room)) {
    try {
      process.kill(Number.parseInt(room, 10), 'SIGKILL');
    } catch {
      return;
    }
    await sleep(10);
  }
}

/**
 * The last process that sees the pool mounted undoes the mount as it ends, which takes as long as the disk needs for what is not written yet. That may be
 * one that waits outside the room for its first process, so the end of the room tells nothing.
 */
async function poolIsLetGo(dir: string): Promise<void> {
  for (let tries = 0; tries < 1000 && (await loopFiles()).some((path) => path.startsWith(`${dir}/`)); tries += 1) await sleep(20);
}

/** What the loop devices of this machine read from. */
async function loopFiles(): Promise<readonly string[]> {
  const devices = (await readdir('/sys/block')).filter((name) => name.startsWith('loop'));
  return await Promise.all(devices.map(async (name) => await readFile(`/sys/block/${name}/loop/backing_file`, 'utf8').catch(() => '')));
}

/** Containers that were ended from outside leave their (empty) cgroups behind. Below the mount point (version 2) or below each controller (version 1). */
async function removeCgroups(names: readonly string[]): Promise<void> {
  const top = '/sys/fs/cgroup';
  const parents = [top, ...(await directoriesIn(top))];
  for (const parent of parents) {
    for (const name of names) await removeCgroup(join(parent, name));
  }
}

async function removeCgroup(path: string): Promise<void> {
  for (const child of await directoriesIn(path)) await removeCgroup(child);
  for (let tries = 0; tries < 50; tries += 1) {
    try {
      await rmdir(path);
      return;
    } catch (error) {
      // The kernel lets go of a cgroup a moment after its last process is gone.
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') return;
      await sleep(20);
    }
  }
}

async function directoriesIn(path: string): Promise<readonly string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(path, entry.name));
}
