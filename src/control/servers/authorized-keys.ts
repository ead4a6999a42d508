/** Reads and writes the admin's authorized_keys inside a server, running or not. */
import { fault } from '../../core/errors.ts';
import { type Engine, instanceNameOf } from '../../engines/engine.ts';
import type { ServerRecord } from '../../store/servers.ts';
import type { ServerParts } from './settings.ts';
import { withinReason } from './within-reason.ts';

/** `edit` gets the lines without empty ones. Everything else in the file, comments too, stays as it is. */
export async function editAuthorizedKeys(
  { engine, settings }: ServerParts,
  record: ServerRecord,
  edit: (lines: readonly string[]) => readonly string[],
): Promise<void> {
  const complaint = (time: string) =>
    `the files inside server ${record.id} could not be read and written within ${time}, so its keys are as they were; look at /etc/passwd and ~/.ssh there`;
  await withinReason(settings, complaint, async (signal) => await editFile(engine, record, edit, signal));
}

async function editFile(
  engine: Engine,
  record: ServerRecord,
  edit: (lines: readonly string[]) => readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const name = instanceNameOf(record.id, record.generation);
  const { uid, gid, home } = await accountInside(async (path) => await engine.readFile(name, path, signal), record);
  const path = `${home}/.ssh/authorized_keys`;
  const old = ((await engine.readFile(name, path, signal)) ?? '').split('\n').filter((line) => line.trim() !== '');
  const content = edit(old)
    .map((line) => `${line}\n`)
    .join('');
  await engine.pushFiles(
    name,
    [
      { path: `${home}/.ssh`, kind: 'directory', mode: 0o700, uid, gid },
      { path, kind: 'file', mode: 0o600, uid, gid, content },
    ],
    signal,
  );
}

async function accountInside(read: (path: string) => Promise<string | undefined>, record: ServerRecord) {
  const line = ((await read('/etc/passwd')) ?? '').split('\n').find((entry) => entry.startsWith(`${record.admin}:`));
  const [, , uid = '', gid = '', , home = ''] = (line ?? '').split(':');
  if (!/^\d{1,9}$/u.test(uid) || !/^\d{1,9}$/u.test(gid) || !/^\/[\w./-]+$/u.test(home) || home.includes('..')) {
    throw fault(
      'engine-failed',
      `the user "${record.admin}" inside server ${record.id} is gone or has no home directory, so its keys cannot be changed from outside`,
    );
  }
  return { uid: Number(uid), gid: Number(gid), home };
}
