/** Running the host's own programs: an argument list, never a shell line; an error that says what was run and what it answered. */
import { execFile, type ExecFileException } from 'node:child_process';
import { fault } from '../core/errors.ts';

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
  /** What breaks beyond it: a program that hangs (a locked package database, a dead mount) would hang the bring-up. */
  readonly timeoutMs?: number;
}

export interface ProgramResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const longestOutputBytes = 16 * 2 ** 20;

/** Runs it to its end and gives what it said, whatever its exit code. Throws `cannot-here` when it is absent or hangs, `cancelled` on abort. */
export function tryProgram(argv: readonly string[], options: ProgramOptions = {}): Promise<ProgramResult> {
  const [file = '', ...args] = argv;
  const { promise, resolve, reject } = Promise.withResolvers<ProgramResult>();
  const settings = {
    env: { ...process.env, LC_ALL: 'C.UTF-8', ...options.env },
    maxBuffer: longestOutputBytes,
    timeout: options.timeoutMs ?? 120_000,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
  execFile(file, args, settings, (error: ExecFileException | null, stdout, stderr) => {
    if (error === null) return resolve({ exitCode: 0, stdout, stderr });
    if (options.signal?.aborted === true) return reject(fault('cancelled', `${file} was cancelled`, { cause: error }));
    if (error.code === 'ENOENT')
      return reject(fault('cannot-here', `${file} is not installed on this machine: run ./up again`, { cause: error }));
    if (typeof error.code !== 'number') {
      const how = error.killed === true ? 'did not end in time' : `was ended by ${error.signal ?? error.code}`;
      return reject(fault('cannot-here', `"${argv.join(' ')}" ${how}; it said: ${lastWords(stdout, stderr)}`, { cause: error }));
    }
    return resolve({ exitCode: error.code, stdout, stderr });
  });
  return promise;
}

/** Standard output of a program that must succeed. Throws `cannot-here` with its last words. */
export async function runProgram(argv: readonly string[], options: ProgramOptions = {}): Promise<string> {
  const { exitCode, stdout, stderr } = await tryProgram(argv, options);
  if (exitCode === 0) return stdout;
  throw fault('cannot-here', `"${argv.join(' ')}" ended with code ${exitCode}; it said: ${lastWords(stdout, stderr)}`);
}

function lastWords(stdout: string, stderr: string): string {
  const lines = (stderr.trim() === '' ? stdout : stderr).trim().split('\n');
  return lines.slice(-4).join(' | ') || 'nothing';
}
