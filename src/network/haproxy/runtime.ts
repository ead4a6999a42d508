/** HAProxy's runtime API over its socket ("Management Guide", section 9.3). */
import { connect } from 'node:net';
import { fault } from '../../core/errors.ts';

export interface Runtime {
  /** One after the other; what each answered. A payload (`<<`) ends with a line end: the empty line behind it is added. Throws `edge-failed` when HAProxy does not answer. */
  run(commands: readonly string[]): Promise<readonly string[]>;
}

const answerMs = 10_000;

export function makeRuntime(socketPath: string): Runtime {
  return {
    async run(commands) {
      const answers: string[] = [];
      for (const command of commands) answers.push(await one(socketPath, command));
      return answers;
    },
  };
}

/** Without a prompt a connection takes one line of commands and closes. */
async function one(socketPath: string, command: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect(socketPath);
  const failed = (why: string) => reject(fault('edge-failed', `HAProxy does not answer at ${socketPath} (${why})`));
  socket.setTimeout(answerMs, () => {
    failed('no answer in time');
    socket.destroy();
  });
  let said = '';
  socket.setEncoding('utf8').on('data', (piece: string) => (said += piece));
  socket.once('error', (error: NodeJS.ErrnoException) => failed(error.code ?? error.message));
  socket.once('end', () => resolve(said));
  socket.end(`${command}\n`);
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

/** Pieces of a payload that HAProxy takes: its buffer holds a whole command. */
const longestCommand = 12_000;

/** Replaces a whole map at once: nobody sees half of it. `entries` are lines `KEY VALUE`. Throws `edge-failed`. */
export async function replaceMap(runtime: Runtime, path: string, entries: readonly string[]): Promise<void> {
  const [prepared = ''] = await runtime.run([`prepare map ${path}`]);
  const version = /New version created: (\d+)/u.exec(prepared)?.[1];
  if (version === undefined) throw fault('edge-failed', `HAProxy did not prepare the map ${path}: ${prepared.trim()}`);
  const commands = inPieces(entries).map((piece) => `add map @${version} ${path} <<\n${piece}`);
  const answers = await runtime.run([...commands, `commit map @${version} ${path}`]);
  const complaint = answers.find((answer) => answer.trim() !== '');
  if (complaint !== undefined) throw fault('edge-failed', `HAProxy did not take the map ${path}: ${complaint.trim().slice(0, 200)}`);
}

function inPieces(entries: readonly string[]): readonly string[] {
  const pieces: string[] = [];
  let now = '';
  for (const entry of entries) {
    if (now.length + entry.length > longestCommand) {
      pieces.push(now);
      now = '';
    }
    now += `${entry}\n`;
  }
  return now === '' ? pieces : [...pieces, now];
}

/** As `KEY VALUE`, sorted. */
export async function readMap(runtime: Runtime, path: string): Promise<readonly string[]> {
  const [said = ''] = await runtime.run([`show map ${path}`]);
  if (said.startsWith('Unknown map')) throw fault('edge-failed', `HAProxy has no map ${path}`);
  return said
    .split('\n')
    .flatMap((line) => /^0x[\da-f]+ (.+)$/u.exec(line)?.[1] ?? [])
    .sort();
}
