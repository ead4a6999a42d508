/** Sign-ins kept between commands: `$XDG_CONFIG_HOME/myserver/session.json`, 0600 in a 0700 directory, the newest first, one for each address. */
import { mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { Secret } from '../base/secret.ts';
import type { SessionStore, StoredSession } from '../commands/context.ts';
import { fault } from '../core/errors.ts';

type Line = Omit<StoredSession, 'token'> & { readonly token: string };

export function sessionPath(env: NodeJS.ProcessEnv, home: string): string {
  const config = env['XDG_CONFIG_HOME'];
  // A relative XDG_CONFIG_HOME is to be ignored (XDG Base Directory Specification).
  return path.join(config !== undefined && path.isAbsolute(config) ? config : path.join(home, '.config'), 'myserver', 'session.json');
}

export function makeSessionStore(file: string, uid: number): SessionStore {
  const writeFile = async (lines: readonly Line[]) => {
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    const draft = `${file}.${process.pid}`;
    await using undo = new AsyncDisposableStack();
    undo.defer(() => rm(draft, { force: true }));
    await rm(draft, { force: true });
    const handle = await open(draft, 'wx', 0o600);
    await using closing = new AsyncDisposableStack();
    closing.defer(() => handle.close());
    await handle.writeFile(`${JSON.stringify({ sessions: lines }, null, 2)}\n`);
    await handle.sync();
    await rename(draft, file);
  };
  const write = async (lines: readonly Line[]) => {
    try {
      await writeFile(lines);
    } catch (error) {
      throw fault('bad-configuration', `the sign-ins cannot be kept in ${file}: ${(error as Error).message}`, { cause: error });
    }
  };
  return {
    list: async () => (await read(file, uid)).map((line) => Object.assign({}, line, { token: new Secret(line.token) })),
    async save({ token, ...session }) {
      const others = (await read(file, uid)).filter((line) => line.url !== session.url);
      await write([{ ...session, token: token.reveal() }, ...others]);
    },
    async remove(url) {
      await write((await read(file, uid)).filter((line) => line.url !== url));
    },
  };
}

async function read(file: string, uid: number): Promise<readonly Line[]> {
  let handle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw fault('bad-configuration', `the sign-ins in ${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  await using closing = new AsyncDisposableStack();
  closing.defer(() => handle.close());
  const stat = await handle.stat();
  if (stat.uid !== uid) {
    // Root with somebody else's home (sudo -E) is root, and does not act with that person's sign-in.
    if (uid === 0) return [];
    throw fault(
      'bad-configuration',
      `the sign-ins in ${file} belong to somebody else (user ${stat.uid}): remove the file, then sign in again`,
    );
  }
  if ((stat.mode & 0o077) !== 0)
    throw fault(
      'bad-configuration',
      `others may read or write the sign-ins in ${file} (mode ${(stat.mode & 0o777).toString(8)}): run "chmod 600 ${file}"; if somebody may have read it, sign in again and revoke the old token`,
    );
  return parse(await handle.readFile('utf8'), file);
}

function parse(text: string, file: string): readonly Line[] {
  try {
    const { sessions } = JSON.parse(text) as { readonly sessions: readonly Line[] };
    if (sessions.every(({ url, token, person, expiresAt }) => [url, token, person, expiresAt].every((part) => typeof part === 'string')))
      return sessions;
  } catch {
    // The sentence below says it.
  }
  throw fault('bad-configuration', `${file} is damaged: remove it, then sign in again with "myserver login"`);
}
