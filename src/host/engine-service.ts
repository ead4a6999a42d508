/** Incus and lxcfs running, with systemd or without. Neither is ever a child of ours: servers go on whatever becomes of control. */
import { spawn } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fault } from '../core/errors.ts';
import { makeIncusApi } from './incus-api.ts';
import { findIncusd } from './incusd.ts';
import { hasSystemd } from './init-system.ts';
import { runProgram, tryProgram } from './program.ts';
import type { HostStep } from './step.ts';

export interface EngineServiceWanted {
  readonly incusDir: string;
  readonly socket: string;
}

/** The first start of all makes its database; a start after a crash with many servers is slower. Beyond this it hangs. */
const readyMs = 120_000;
const lxcfsDirectory = '/var/lib/lxcfs';

export async function answers(socket: string): Promise<boolean> {
  return makeIncusApi(socket)
    .ask('GET', '/1.0')
    .then(
      () => true,
      () => false,
    );
}

/** lxcfs makes `free` and `nproc` inside a server tell the server's limits instead of the host's. */
export async function isLxcfsUp(): Promise<boolean> {
  const mounts = await readFile('/proc/self/mounts', 'utf8');
  return mounts.split('\n').some((line) => line.includes(` ${lxcfsDirectory} fuse.lxcfs `));
}

export function engineServiceStep(wanted: EngineServiceWanted): HostStep {
  return {
    name: 'Incus',
    async check() {
      const missing = [
        ...((await isLxcfsUp()) ? [] : ['lxcfs is not running']),
        ...((await answers(wanted.socket)) ? [] : ['incusd is not running']),
      ];
      return missing.length === 0 ? undefined : missing.join(', ');
    },
    apply: (signal) => startEngine(wanted, signal),
  };
}

/** Starts what is not running, and waits until Incus answers. Repeatable. Throws `engine-unavailable` with the way to its log. */
export async function startEngine(wanted: EngineServiceWanted, signal?: AbortSignal): Promise<void> {
  if (hasSystemd()) {
    await runProgram(['systemctl', 'enable', '--now', 'lxcfs.service', 'incus.socket', 'incus.service'], { signal, timeoutMs: 660_000 });
  } else {
    if (!(await isLxcfsUp())) await startLxcfs(signal);
    if (!(await answers(wanted.socket))) await startIncusd(wanted.incusDir);
  }
  await waitUntil(
    () => answers(wanted.socket),
    signal,
    () => {
      const log = hasSystemd() ? 'journalctl -u incus' : incusLog;
      return fault('engine-unavailable', `Incus was started and does not answer after ${readyMs / 1000} s: see ${log}`);
    },
  );
}

const incusLog = '/var/log/incus/incusd.log';

async function startLxcfs(signal: AbortSignal | undefined): Promise<void> {
  await mkdir(lxcfsDirectory, { recursive: true });
  // A dead lxcfs leaves a mount that answers "transport endpoint is not connected".
  await tryProgram(['umount', '--lazy', lxcfsDirectory]);
  startAlone('lxcfs', ['-l', '-p', '/run/lxcfs.pid', lxcfsDirectory], {});
  await waitUntil(isLxcfsUp, signal, () =>
    fault('cannot-here', 'lxcfs was started and did not mount /var/lib/lxcfs: does this machine have /dev/fuse?'),
  );
}

async function startIncusd(incusDir: string): Promise<void> {
  const { path, env } = await findIncusd();
  await mkdir('/var/log/incus', { recursive: true });
  const hasGroup = (await tryProgram(['getent', 'group', 'incus-admin'])).exitCode === 0;
  const group = hasGroup ? 'incus-admin' : 'root';
  startAlone(path, ['--group', group, `--logfile=${incusLog}`], {
    ...env,
    ...(incusDir === '/var/lib/incus' ? {} : { INCUS_DIR: incusDir }),
  });
}

/** In a session of its own, so that nothing that ends us ends it. */
function startAlone(file: string, args: readonly string[], env: Readonly<Record<string, string>>): void {
  const child = spawn(file, args, { detached: true, stdio: 'ignore', cwd: '/', env: { ...process.env, ...env } });
  // That it could not start shows when nobody answers.
  child.once('error', () => {});
  child.unref();
}

async function waitUntil(isSo: () => Promise<boolean>, signal: AbortSignal | undefined, failure: () => Error): Promise<void> {
  const deadline = Date.now() + readyMs;
  while (!(await isSo())) {
    signal?.throwIfAborted();
    if (Date.now() > deadline) throw failure();
    await sleep(100);
  }
}
