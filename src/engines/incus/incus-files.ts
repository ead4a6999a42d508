/** Files in an instance, stopped or running. Incus resolves the paths inside the instance's own root, so a link made there leads nowhere else. */
import { fault } from '../../core/errors.ts';
import type { FileToPush } from '../../core/provision.ts';
import type { IncusClient } from './incus-client.ts';
import { settleDisk, type DiskPlace } from './incus-disk.ts';
import { writeOnDisk } from './incus-disk-files.ts';
import { isNotFound } from './incus-error.ts';
import { hasStarted } from './incus-instance.ts';
import { pathOf, required } from './incus-lookup.ts';
import { openSftp } from './incus-sftp.ts';

const mostBytes = 2 ** 20;
/** Files on their way at once: all share one connection, and more than this only queue at its other end. */
const atOnce = 8;

export async function readInstanceFile(client: IncusClient, name: string, path: string, signal?: AbortSignal): Promise<string | undefined> {
  const deed = `read ${path} of ${name}`;
  try {
    const answer = await client.fetch({
      method: 'GET',
      path: pathOf(name, `/files?path=${encodeURIComponent(absolute(path))}`),
      deed,
      maxBytes: mostBytes,
      signal,
    });
    const kind = answer.headers['x-incus-type'];
    if (kind === 'file') return answer.body.toString('utf8');
    throw fault('engine-failed', `could not ${deed}: it is a ${String(kind)}, not a file`);
  } catch (error) {
    if (!isNotFound(error)) throw error;
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
  using sftp = await openSftp({
    socket: client.socket,
    path: client.inProject(pathOf(name, '/sftp')),
    deed: `write files of ${name}`,
    signal,
  });
  for (const file of files) if (file.kind === 'directory') await sftp.makeDirectory(file);
  const waiting = files.filter((file) => file.kind === 'file');
  const worker = async () => {
    for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) await sftp.writeFile(file);
  };
  const results = await Promise.allSettled(Array.from({ length: Math.min(atOnce, waiting.length) }, worker));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

function absolute(path: string): string {
  if (!path.startsWith('/') || path.includes('\0')) throw fault('bad-request', `"${path}" is not an absolute path`);
  return path;
}
