/** Where control's sockets are. Each socket says who may open it, so everybody may pass through: the gateway's account must. */
import { chmod, mkdir, stat } from 'node:fs/promises';

const throughForAll = 0o055;

/** The unit's umask lets nobody through, neither now nor in a directory that an earlier start left. */
export async function makeRunDir(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  const { mode } = await stat(dir);
  if ((mode & throughForAll) !== throughForAll) await chmod(dir, (mode & 0o7777) | throughForAll);
}
