/** What commands may do on a person's own machine. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { messageOf } from '../base/fault.ts';
import type { Machine, SessionStore } from '../commands/context.ts';
import { fault } from '../core/errors.ts';
import { defaultAddress, nonEmpty, reach } from './connection.ts';
import { readText, writeText } from './text-file.ts';

/** Key files are a few hundred bytes; this keeps a slip of the keyboard (a disk image) out of memory. */
const longestFile = 1_000_000;

export interface MachineParts extends Pick<Machine, 'addressOf'> {
  readonly sessions: SessionStore;
  /** Of the account; what the environment names for myserver goes before it. */
  readonly userName: string;
  readonly env: NodeJS.ProcessEnv;
}

export function makeMachine({ sessions, userName, env, addressOf }: MachineParts): Machine {
  return {
    hostName: os.hostname(),
    userName: nonEmpty(env['MYSERVER_USER']) ?? userName,
    defaultAddress: nonEmpty(env['MYSERVER_URL']) ?? defaultAddress,
    sessions,
    home: os.homedir(),
    program: programWords(env),
    addressOf,
    readText,
    writeText,
    reach,
    absolutePath: (file) => path.resolve(file),
    async readFile(file) {
      try {
        if ((await stat(file)).size > longestFile) throw new Error('it is too long to be a key');
        return await readFile(file, 'utf8');
      } catch (error) {
        throw fault(
          'bad-request',
          `the file "${file}" cannot be used: ${whyUnreadable[(error as NodeJS.ErrnoException).code ?? ''] ?? messageOf(error)}`,
          { cause: error },
        );
      }
    },
    execute,
    async temporaryFile(name, text) {
      const dir = await mkdtemp(path.join(os.tmpdir(), 'myserver-'));
      const file = path.join(dir, name);
      await writeFile(file, text, { mode: 0o600 });
      return { path: file, [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) };
    },
  };
}

const whyUnreadable: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a directory',
  EACCES: 'you may not read it',
};

/** The launcher says where it is, and stays there when the program behind it is another version. */
function programWords(env: NodeJS.ProcessEnv): readonly string[] {
  const launcher = env['MYSERVER_PROGRAM'] ?? '';
  return path.isAbsolute(launcher) ? [launcher] : [process.execPath, ...process.execArgv, path.resolve(process.argv[1] ?? '')];
}

/** The child has the terminal, and gets ^C from it itself; what is sent to us alone is passed on. */
async function execute([program = '', ...args]: readonly string[]): Promise<number> {
  const { spawn } = await import('node:child_process');
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit' });
    const passOn = (signal: NodeJS.Signals) => void child.kill(signal);
    process.on('SIGTERM', passOn).on('SIGHUP', passOn);
    const letGo = () => process.off('SIGTERM', passOn).off('SIGHUP', passOn);
    child.on('error', (error) => {
      letGo();
      reject(
        fault(
          'cannot-here',
          `${program} cannot be run on this machine (${error.message}): install it, or use another program with "myserver info"`,
        ),
      );
    });
    child.on('exit', (code, signal) => {
      letGo();
      resolve(code ?? 128 + (signal === null ? 0 : os.constants.signals[signal]));
    });
  });
}
