/** Takes away what a test's engine leaves in places that outlive processes: its own at the end, those of dead runs before the next one. */
import { readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { tryProgram } from '../host/program.ts';
import { isAlive } from './process-name.ts';

/** Not /tmp, which may be memory: pools grow to gigabytes. */
export const testRoot = '/var/tmp/myserver-test';

export function netnsNames(name: string): { readonly engine: string; readonly client: string } {
  return { engine: `ms-${name}`, client: `ms-${name}-client` };
}

/** Engines of runs that were killed. Several runs may sweep at once. */
export async function sweepDeadEngines(): Promise<void> {
  for (const name of await readdir(testRoot).catch(() => [])) {
    const owner = await readFile(join(testRoot, name, 'owner'), 'utf8').catch(() => undefined);
    // Without an owner it is being made, or being removed, by somebody else at this moment.
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
  await rm(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
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
