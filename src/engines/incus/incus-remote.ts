/**
 * Where a remote such as `images:` is. Incus's own client knows: its built-in remotes and those that the administrator added with `incus remote add`.
 * So no address of anybody's server stands in our code.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { fault } from '../../core/errors.ts';
import { shorten } from '../../core/ids.ts';

const runProgram = promisify(execFile);

export interface RemoteImage {
  readonly url: string;
  readonly protocol: string;
  readonly alias: string;
}

/** Throws `bad-request` for what is not `remote:alias`, `cannot-here` where there is no such remote. */
export async function findRemote(text: string): Promise<RemoteImage> {
  const match = /^([\w.-]{1,60}):([\w./-]{1,120})$/u.exec(text);
  const [, remote = '', alias = ''] = match ?? [];
  if (match === null) throw fault('bad-request', `"${shorten(text)}" is not a remote image: write for example images:debian/13`);
  const remotes = await listRemotes();
  const found = remotes.get(remote);
  if (found === undefined) {
    throw fault(
      'cannot-here',
      `Incus knows no remote "${shorten(remote)}"; it knows ${[...remotes.keys()].join(', ')} (see "incus remote add")`,
    );
  }
  return { ...found, alias };
}

async function listRemotes(): Promise<ReadonlyMap<string, Omit<RemoteImage, 'alias'>>> {
  let text: string;
  try {
    text = (await runProgram('incus', ['remote', 'list', '--format=json'], { timeout: 20_000, env: { HOME: '/root', ...process.env } }))
      .stdout;
  } catch (error) {
    throw fault('cannot-here', 'the program "incus", which knows the remotes, cannot be run here; install the package incus-client', {
      cause: error,
    });
  }
  const remotes = JSON.parse(text) as Record<string, { Addr?: string; Protocol?: string; Public?: boolean }>;
  const usable = Object.entries(remotes).flatMap(([name, { Addr: url, Protocol: protocol }]) =>
    url?.startsWith('https://') === true ? [[name, { url, protocol: protocol ?? 'incus' }] as const] : [],
  );
  return new Map(usable);
}
