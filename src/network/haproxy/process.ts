/** HAProxy as a process that outlives ours: found by its socket, started as a daemon of its own. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { fault } from '../../core/errors.ts';
import type { HaproxyFiles } from './files.ts';
import { makeRuntime } from './runtime.ts';

export interface HaproxyProcess {
  isRunning(): Promise<boolean>;
  /** From the files as they are now. Throws `edge-failed` with what HAProxy said. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface HaproxyProcessOptions {
  readonly files: HaproxyFiles;
  /** Words before the command: `nsenter ...`. */
  readonly enter?: readonly string[];
}

const run = promisify(execFile);
const startMs = 5000;
const endMs = 3000;

/** As a unit of systemd's, which starts it at boot and when it ends by itself. */
export function makeHaproxyUnit({ files, unit }: { readonly files: HaproxyFiles; readonly unit: string }): HaproxyProcess {
  const isRunning = async () => await answers(files);
  return {
    isRunning,
    async restart() {
      await checkConfig(['haproxy', '-f', files.config]);
      await run('systemctl', ['restart', unit]).catch((error: unknown) => {
        throw fault('edge-failed', `HAProxy does not start ("systemctl status ${unit}" tells more): ${complaintOf(error)}`, {
          cause: error,
        });
      });
      await untilIt(isRunning);
    },
    async stop() {
      await run('systemctl', ['stop', unit]);
    },
  };
}

export function makeHaproxyDaemon({ files, enter = [] }: HaproxyProcessOptions): HaproxyProcess {
  const isRunning = async () => await answers(files);

  async function pid(): Promise<number | undefined> {
    const number = Number.parseInt(await readFile(files.pid, 'utf8').catch(() => ''), 10);
    if (!(number > 1)) return undefined;
    // One that has ended and was not taken note of yet by its parent is gone (proc(5), "stat").
    const stat = await readFile(`/proc/${number}/stat`, 'utf8').catch(() => '');
    return /^\d+ \(haproxy\) [^ZX]/u.test(stat) ? number : undefined;
  }

  async function stop(): Promise<void> {
    for (const until = Date.now() + endMs; ;) {
      const number = await pid();
      if (number === undefined) return;
      process.kill(number, Date.now() < until ? 'SIGTERM' : 'SIGKILL');
      await sleep(50);
    }
  }

  return {
    isRunning,
    stop,
    async restart() {
      const [program, ...words] = [...enter, 'haproxy', '-f', files.config];
      await checkConfig([program, ...words]);
      await stop();
      await run(program, [...words, '-D', '-p', files.pid]).catch((error: unknown) => {
        throw fault('edge-failed', `HAProxy does not start: ${complaintOf(error)}`, { cause: error });
      });
      await untilIt(isRunning);
    },
  };
}

async function answers({ adminSocket }: HaproxyFiles): Promise<boolean> {
  return await makeRuntime(adminSocket)
    .run(['show version'])
    .then(
      () => true,
      () => false,
    );
}

async function checkConfig([program = '', ...words]: readonly string[]): Promise<void> {
  await run(program, [...words, '-c', '-q']).catch((error: unknown) => {
    throw fault('edge-failed', `HAProxy does not take its configuration: ${complaintOf(error)}`, { cause: error });
  });
}

async function untilIt(isRunning: () => Promise<boolean>): Promise<void> {
  for (const until = Date.now() + startMs; !(await isRunning()); await sleep(20))
    if (Date.now() > until) throw fault('edge-failed', 'HAProxy was started and does not answer');
}

function complaintOf(error: unknown): string {
  const { stderr = '' } = error as { stderr?: string };
  return stderr.trim().split('\n').slice(-3).join(' | ').slice(0, 400) || String(error);
}
