/** Files in an instance, stopped or running. Incus resolves the paths inside the instance's own root, so a link made there leads nowhere else. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fault } from '../../core/errors.ts';
import type { FileToPush } from '../../core/provision.ts';
import type { IncusClient } from './incus-client.ts';
import { settleDisk, type DiskPlace } from './incus-disk.ts';
import { writeOnDisk } from './incus-disk-files.ts';
import { hasSaid, isNotFound } from './incus-error.ts';
import { hasStarted } from './incus-instance.ts';
import { pathOf, required } from './incus-lookup.ts';
import { openSftp } from './incus-sftp.ts';

const mostBytes = 2 ** 20;
/** Files on their way at once: all share one connection, and more than this only queue at its other end. */
const atOnce = 8;
/** Incus's helper for files starts within 0.1 s, within some seconds on a busy host. */
const helperTries = 10;
const helperPauseMs = 300;

export async function readInstanceFile(client: IncusClient, name: string, path: string, signal?: AbortSignal): Promise<string | undefined> {
  const deed = `read ${path} of ${name}`;
  try {
    const get = async () =>
      await client.fetch({
        method: 'GET',
        path: pathOf(name, `/files?path=${encodeURIComponent(absolute(path))}`),
        deed,
        maxBytes: mostBytes,
        signal,
      });
    const answer = await withHelper(get, signal);
    const kind = answer.headers['x-incus-type'];
    if (kind === 'file') return answer.body.toString('utf8');
    throw fault('engine-failed', `could not ${deed}: it is a ${String(kind)}, not a file`);
  } catch (error) {
    if (!isNotFound(error) || isHelperAway(error)) throw error;
    await required(client, name, signal);
    return undefined;
  }
}

/** Directories first and in order, so that parents stand; then the files, several at once. */
export async function pushInstanceFiles(
  client: IncusClient,
  disk: DiskPlace,
  name: string,
  files: readonly FileToPush[],
  signal?: AbortSignal,
): Promise<void> {
  for (const { path } of files) absolute(path);
  const instance = await required(client, name, signal);
  const hasRun = instance.status !== 'Stopped' || hasStarted(instance);
  if (hasRun || !(await isWrittenOnDisk(disk, name, files))) await writeAll(client, name, files, signal);
  await settleDisk(disk, name);
}

async function isWrittenOnDisk(disk: DiskPlace, name: string, files: readonly FileToPush[]): Promise<boolean> {
  try {
    await writeOnDisk(disk, name, files);
    return true;
  } catch {
    // The pool is elsewhere, or the image's tree has a link in the way. Incus writes the same, over what stands already.
    return false;
  }
}

async function writeAll(client: IncusClient, name: string, files: readonly FileToPush[], signal: AbortSignal | undefined): Promise<void> {
  const open = async () =>
    await openSftp({ socket: client.socket, path: client.inProject(pathOf(name, '/sftp')), deed: `write files of ${name}`, signal });
  using sftp = await withHelper(open, signal);
  for (const file of files) if (file.kind === 'directory') await sftp.makeDirectory(file);
  const waiting = files.filter((file) => file.kind === 'file');
  const worker = async () => {
    for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) await sftp.writeFile(file);
  };
  const results = await Promise.allSettled(Array.from({ length: Math.min(atOnce, waiting.length) }, worker));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/**
 * Incus reaches an instance's files through a helper that it starts when it is wanted and that ends soon after. Asked for while one ends, and others on a
 * busy host begin, Incus looks for the helper's socket in vain and gives up, which the next try does not meet. Nothing has been written by then.
 */
async function withHelper<T>(attempt: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (tries === helperTries || !isHelperAway(error)) throw error;
      await sleep(helperPauseMs, undefined, { signal });
    }
  }
}

/** To Incus the missing socket is a file that was not found: as if the file asked for were not there. */
function isHelperAway(error: unknown): boolean {
  return hasSaid(error, /forkfile\.sock: connect/u);
}

function absolute(path: string): string {
  if (!path.startsWith('/') || path.includes('\0')) throw fault('bad-request', `"${path}" is not an absolute path`);
  return path;
}
