/** Files in an instance, stopped or running. Incus resolves the paths inside the instance's own root, so a link made there leads nowhere else. */
import { fault } from '../../core/errors.ts';
import type { FileToPush } from '../engine.ts';
import type { IncusClient } from './incus-client.ts';
import { isNotFound } from './incus-error.ts';
import { pathOf, required } from './incus-lookup.ts';

const mostBytes = 2 ** 20;
/** Files on their way at once. One helper process of Incus serves an instance's files: more than this only queue in it. */
const atOnce = 8;

export async function readInstanceFile(client: IncusClient, name: string, path: string, signal?: AbortSignal): Promise<string | undefined> {
  try {
    const answer = await client.fetch({
      method: 'GET',
      path: filePath(name, path),
      deed: `read ${path} of ${name}`,
      maxBytes: mostBytes,
      signal,
    });
    const kind = answer.headers['x-incus-type'];
    if (kind === 'file') return answer.body.toString('utf8');
    throw fault('engine-failed', `could not read ${path} of ${name}: it is a ${String(kind)}, not a file`);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    await required(client, name, signal);
    return undefined;
  }
}

/** Directories first and in order, so that parents stand; then the files, several at once. */
export async function pushInstanceFiles(
  client: IncusClient,
  name: string,
  files: readonly FileToPush[],
  signal?: AbortSignal,
): Promise<void> {
  const push = (file: FileToPush) => pushOne(client, name, file, signal);
  for (const file of files) if (file.kind === 'directory') await push(file);
  const waiting = files.filter(({ kind }) => kind === 'file');
  const worker = async () => {
    for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) await push(file);
  };
  const results = await Promise.allSettled(Array.from({ length: Math.min(atOnce, waiting.length) }, worker));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

async function pushOne(client: IncusClient, name: string, file: FileToPush, signal: AbortSignal | undefined): Promise<void> {
  const { path, kind, mode, uid, gid, content } = file;
  try {
    await client.fetch({
      method: 'POST',
      path: filePath(name, path),
      headers: {
        'content-type': 'application/octet-stream',
        'x-incus-type': kind,
        'x-incus-mode': mode.toString(8).padStart(4, '0'),
        'x-incus-uid': String(uid),
        'x-incus-gid': String(gid),
        'x-incus-write': 'overwrite',
      },
      body: kind === 'directory' ? '' : content,
      deed: `write ${path} of ${name}`,
      signal,
    });
  } catch (error) {
    if (isNotFound(error)) await required(client, name);
    throw error;
  }
}

function filePath(name: string, path: string): string {
  if (!path.startsWith('/')) throw fault('bad-request', `"${path}" is not an absolute path`);
  return pathOf(name, `/files?path=${encodeURIComponent(path)}`);
}
