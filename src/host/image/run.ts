/** Running the tools that build an image, so that nothing of them is left when we stop: no process, no mount. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fault } from '../../core/errors.ts';

export interface RunOptions {
  /** Each line of standard output and standard error, as it comes; a bare carriage return ends a line too (progress bars). */
  readonly onLine?: (line: string) => void;
  readonly env?: Readonly<Record<string, string>>;
  /**
   * In PID and mount namespaces of its own: the kernel ends every process and undoes every mount of it when its first process ends, and ends that one
   * when we die, by whatever death.
   */
  readonly isApart?: boolean;
}

// More than the longest output that is read as a whole (apt-get indextargets of a host with many sources).
const keptOutputLength = 8 * 2 ** 20;
const keptLines = 40;

const apart = 'setpriv --pdeathsig KILL -- unshare --mount --propagation private --pid --fork --kill-child=KILL --'.split(' ');

/** Standard output of `program`. Throws `cancelled` once it is gone after an abort, `build-failed` or `cannot-here` with its last words otherwise. */
export async function run(program: string, args: readonly string[], signal: AbortSignal, options: RunOptions = {}): Promise<string> {
  const [file = program, ...rest] = [...(options.isApart === true ? apart : []), program, ...args];
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  throwIfCancelled(signal);
  const child = spawn(file, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive', ...options.env },
  });
  let output = '';
  const lastLines: string[] = [];
  const takeLine = (line: string) => {
    if (line.trim() === '') return;
    lastLines.push(line.trim());
    if (lastLines.length > keptLines) lastLines.shift();
    options.onLine?.(line);
  };
  const ends = [linesOf(child.stdout, takeLine), linesOf(child.stderr, takeLine)];
  child.stdout.on('data', (chunk: string) => {
    if (output.length < keptOutputLength) output += chunk;
  });
  const onAbort = () => endChild(child.pid, options.isApart === true);
  signal.addEventListener('abort', onAbort, { once: true });
  child.once('error', (error) => {
    signal.removeEventListener('abort', onAbort);
    reject(fault('cannot-here', `${program} could not be started: install what "myserver doctor" names and try again`, { cause: error }));
  });
  child.once('close', (code, killedBy) => {
    signal.removeEventListener('abort', onAbort);
    for (const end of ends) end();
    if (signal.aborted) reject(cancelled(signal));
    else if (code === 0) resolve(output);
    else reject(failure(program, code === null ? `was ended by ${killedBy}` : `ended with code ${code}`, lastLines));
  });
  return promise;
}

/** Where there is a namespace, ends its first process and not the one that waits for it: `close` comes only when all its processes are gone. */
function endChild(pid: number | undefined, isApart: boolean): void {
  if (pid === undefined) return;
  let children: number[] = [];
  try {
    const text = isApart ? readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8') : '';
    children = text.split(' ').filter(Boolean).map(Number);
  } catch {
    // It has ended already.
  }
  for (const target of children.length > 0 ? children : [pid]) {
    try {
      process.kill(target, 'SIGKILL');
    } catch {
      // It has ended already.
    }
  }
}

function linesOf(stream: NodeJS.ReadableStream, onLine: (line: string) => void): () => void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split(/[\r\n]+/u);
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
  return () => onLine(rest);
}

export function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw cancelled(signal);
}

function cancelled(signal: AbortSignal): Error {
  return fault('cancelled', 'the image was not built: it was cancelled', { cause: signal.reason });
}

const knownCauses: readonly (readonly [RegExp, string])[] = [
  [/No space left on device/u, 'the disk is full: make room in the work directory and the output directory, then try again'],
  [
    /Unable to locate package|has no installation candidate/u,
    "the host's apt sources lack a package of the recipe: compare them with the release's own",
  ],
  [
    /Temporary failure resolving|Could not resolve|Could not connect|Connection (?:timed out|refused|failed)|Unable to connect|Network is unreachable/u,
    'the host does not reach its own apt sources: see that "apt-get update" works, then try again',
  ],
  [
    /does not have a Release file|NO_PUBKEY|is not signed|couldn't be verified/u,
    'the host\'s apt sources are not signed as expected: see what "apt-get update" says',
  ],
];

/** The sentence for a tool that failed: what is known of the cause, and what it said last. */
export function failure(program: string, how: string, lines: readonly string[]): Error {
  const cause = knownCauses.find(([pattern]) => lines.some((line) => pattern.test(line)))?.[1];
  const errors = lines.filter((line) => /^(?:E|Err|error|fatal|dpkg|mksquashfs|W)\b/iu.test(line));
  const said = (errors.length > 0 ? errors : lines).slice(-4).join(' | ');
  const words = said === '' ? 'it said nothing' : `it said last: ${said}`;
  const sentence = `the image was not built: ${program} ${how}; ${cause === undefined ? words : `${cause} (${words})`}`;
  return fault(cause === undefined ? 'build-failed' : 'cannot-here', sentence);
}
