/** Commands on a server for which SFTP has no word. Paths are never part of a command's text, whatever shell reads it: they go in by its input. */
import { PassThrough, type Readable } from 'node:stream';
import type { Client, ClientChannel } from 'ssh2';
import { messageOf } from '../../base/fault.ts';
import { fault } from '../../core/errors.ts';

const mostOutputBytes = 64 * 1024;
const packedBytes = 256 * 1024;
const shortMs = 10_000;
const longMs = 600_000;

/**
 * The folder that the shell of a terminal is in: of all that the SSH service has begun for this connection, the one that has a terminal (proc(5)). Between
 * the service and this command may be the user's own shell.
 */
const shellFolderText = `sh -c '
read -r pid name state above rest < "/proc/$PPID/stat"
for stat in /proc/[0-9]*/stat; do
  read -r pid name state parent group session terminal rest < "$stat" 2>/dev/null || continue
  case $parent in "$PPID"|"$above") [ "$terminal" != 0 ] && readlink "/proc/$pid/cwd" && exit;; esac
done'`;

/** Undefined: nobody can say. */
export async function shellFolder(client: Client): Promise<string | undefined> {
  const said = await run(client, shellFolderText, [], shortMs).catch(() => '');
  const [path = ''] = said.split('\n', 1);
  return path.startsWith('/') ? path : undefined;
}

/** With all that is in it; links are removed and not followed, also where somebody changes them meanwhile. Throws `wrong-state`. */
export async function removeTree(client: Client, path: string): Promise<void> {
  await run(client, 'xargs -0 rm -rf --', [path], longMs);
}

/** A folder as `.tar.gz`, as it is read. */
export async function packedTree(client: Client, parent: string, name: string): Promise<Readable> {
  const stream = await begin(client, 'xargs -0 tar -czf -', ['-C', parent, '--', name]);
  const packed = new PassThrough({ highWaterMark: packedBytes });
  stream.stderr.resume();
  stream.once('error', (error: Error) => packed.destroy(error));
  stream.pipe(packed, { end: false });
  stream.once('close', (code: number | null) => {
    // 123, by xargs(1): tar itself told of a file that it could not read, or that changed meanwhile. The rest is there.
    if (code === 0 || code === 123) packed.end();
    else packed.destroy(new Error(`tar ended with ${code ?? 'a signal'}`));
  });
  packed.once('close', () => stream.close());
  return packed;
}

async function begin(client: Client, command: string, args: readonly string[]): Promise<ClientChannel> {
  const { promise, resolve, reject } = Promise.withResolvers<ClientChannel>();
  client.exec(command, (error, stream) => (error ? reject(error) : resolve(stream)));
  const stream = await promise;
  stream.end(args.map((arg) => `${arg}\0`).join(''));
  return stream;
}

async function run(client: Client, command: string, args: readonly string[], mostMs: number): Promise<string> {
  const stream = await begin(client, command, args);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const pieces: Buffer[] = [];
  let bytes = 0;
  let complaint = '';
  const late = setTimeout(() => {
    stream.close();
    reject(fault('wrong-state', `the server has not done it in ${mostMs / 1000} s`));
  }, mostMs);
  stream.on('data', (data: Buffer) => {
    bytes += data.length;
    if (bytes <= mostOutputBytes) pieces.push(data);
  });
  stream.stderr.on('data', (data: Buffer) => (complaint = (complaint + data.toString()).slice(0, 500)));
  stream.once('error', reject);
  stream.once('close', (code: number | null) => {
    if (code === 0) resolve(Buffer.concat(pieces).toString());
    else reject(fault('wrong-state', `the server could not do it: ${complaint.trim() || `it ended with ${code ?? 'a signal'}`}`));
  });
  try {
    return await promise;
  } catch (error) {
    throw error instanceof Error && 'code' in error ? error : fault('wrong-state', messageOf(error), { cause: error });
  } finally {
    clearTimeout(late);
  }
}
