/** A place of the gateway's: its user's and nobody else's, in a directory of root's, so that nobody can put a link in its place. */
import { constants } from 'node:fs';
import { chmod, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Account } from './account.ts';

export async function makeGatewayDir(dir: string, { userId, groupId }: Account): Promise<void> {
  const made = await mkdir(dirname(dir), { recursive: true });
  if (made !== undefined) await chmod(dirname(dir), 0o755);
  await mkdir(dir, { mode: 0o700 }).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  });
  await using handle = await open(dir, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  await handle.chown(userId, groupId);
  await handle.chmod(0o700);
}
