/** One command line typed at a terminal: the context of `commands/`, made of this process. */
import { randomUUID } from 'node:crypto';
import os from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../base/clock.ts';
import { runCommand } from '../commands/run.ts';
import { addressOf, makeConnection } from './connection.ts';
import { makeMachine } from './machine.ts';
import { makeSessionStore, sessionPath } from './session-file.ts';
import { makeNodeTerminal } from './terminal.ts';
import packageFile from '../../package.json' with { type: 'json' };

/** Carries out `argv` and gives the exit code. */
export async function runOnThisTerminal(argv: readonly string[]): Promise<number> {
  const { env } = process;
  const uid = process.geteuid?.() ?? -1;
  const terminal = makeNodeTerminal(env);
  // Under sudo it is the person who typed it.
  const userName = [uid === 0 ? env['SUDO_USER'] : '', env['USER'], env['LOGNAME']].find(Boolean) ?? nameOf();
  const sessions = makeSessionStore(sessionPath(env, os.homedir()), uid);
  const interrupted = new AbortController();
  // The first ^C ends the waiting politely; a second one, or the first after hanging up, ends the program.
  process.once('SIGINT', () => {
    interrupted.abort();
    process.once('SIGINT', () => process.exit(130));
  });
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interrupted.abort());
  const surroundings = { env, isRoot: uid === 0, userName, terminal, sessions, clock: systemClock };
  return runCommand(argv, {
    terminal,
    machine: makeMachine({ sessions, userName, env, addressOf: (options) => addressOf(options, surroundings) }),
    connect: (options) => makeConnection(options, surroundings),
    clock: systemClock,
    randomId: randomUUID,
    sleep: (ms) => sleep(ms),
    signal: interrupted.signal,
    version: packageFile.version,
  });
}

function nameOf(): string {
  try {
    return os.userInfo().username;
  } catch {
    // A user without an entry in passwd, as in some containers.
    return '';
  }
}
