/** A person's own configuration files, changed so that nobody ever sees half of one, and that who wrote them, who may read them and where they link stays. */
import { lstat, mkdir, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { fault } from '../core/errors.ts';

/** Undefined where there is none. Throws `bad-request` for what is not UTF-8: it could not be put back as it was. */
export async function readText(file: string): Promise<string | undefined> {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await readFile(file));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    const why = error instanceof TypeError ? 'it is not UTF-8 throughout' : (error as Error).message;
    throw fault('bad-request', `the file "${file}" cannot be used: ${why}`, { cause: error });
  }
}

/** Undefined: the file goes. A new one is 0600, its new directory 0700. */
export async function writeText(file: string, text: string | undefined): Promise<void> {
  try {
    const target = await targetOf(file);
    if (text === undefined) await rm(target, { force: true });
    else await replace(target, text);
  } catch (error) {
    throw fault('bad-request', `the file "${file}" cannot be written: ${(error as Error).message}`, { cause: error });
  }
}

async function replace(target: string, text: string): Promise<void> {
  const dir = path.dirname(target);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const former = await stat(target).catch(() => undefined);
  // Root who writes into somebody's home leaves it theirs.
  const { uid, gid } = former ?? (await stat(dir));
  const draft = `${target}.${process.pid}`;
  await using undo = new AsyncDisposableStack();
  const handle = await open(draft, 'wx', 0o600);
  undo.defer(() => rm(draft, { force: true }));
  await using closing = new AsyncDisposableStack();
  closing.defer(() => handle.close());
  await handle.writeFile(text);
  if (process.geteuid?.() === 0) await handle.chown(uid, gid);
  await handle.chmod(former === undefined ? 0o600 : former.mode & 0o7777);
  await handle.sync();
  await rename(draft, target);
}

/** Where a link leads: configuration is often kept elsewhere and linked to. */
async function targetOf(file: string): Promise<string> {
  const isLink = await lstat(file).then(
    (found) => found.isSymbolicLink(),
    () => false,
  );
  return isLink ? await realpath(file) : file;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
