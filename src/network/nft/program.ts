/** Running the firewall's programs (nft, conntrack): bounded output, errors as sentences, the file that nft needs instead of standard input. */
import { execFile } from 'node:child_process';
import { fault } from '../../core/errors.ts';

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** 64,000 ports list as 9 MB of JSON; beyond this something is wrong with the answer, not with us. */
const mostOutputBytes = 256 * 2 ** 20;

/**
 * Runs a program to its end and gives what it said, whatever its exit code. `argv` begins with the prefix that enters another network namespace, if any.
 * Throws `cancelled` when the signal fires (then the program was killed), `cannot-here` where the program is not installed.
 */
export function runProgram(argv: readonly string[], signal: AbortSignal | undefined): Promise<Ran> {
  const [file = '', ...rest] = argv;
  return new Promise((resolve, reject) => {
    const options = {
      maxBuffer: mostOutputBytes,
      encoding: 'utf8',
      killSignal: 'SIGKILL',
      ...(signal === undefined ? {} : { signal }),
    } as const;
    execFile(file, rest, options, (error, stdout, stderr) => {
      if (error === null) resolve({ exitCode: 0, stdout, stderr });
      else if (signal?.aborted === true) reject(fault('cancelled', `${file} was cancelled`, { cause: error }));
      else if (typeof error.code === 'number') resolve({ exitCode: error.code, stdout, stderr });
      else if (error.code === 'ENOENT')
        reject(fault('cannot-here', `the program ${file} is not installed on this host: run ./up again, it installs it`, { cause: error }));
      else reject(fault('firewall-failed', `${file} could not be run: ${error.message}`, { cause: error }));
    });
  });
}

/** The first lines of what nft complained of, in one line. */
export function complaint(ran: Ran): string {
  const said = ran.stderr
    .trim()
    .split('\n')
    .slice(0, 3)
    .map((line) => line.trim())
    .join(' | ');
  return said === '' ? `it ended with exit code ${ran.exitCode} and said nothing` : said.slice(0, 400);
}
