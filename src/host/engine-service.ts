/** Incus and lxcfs running, with systemd or without. Neither is ever a child of ours: servers go on whatever becomes of control. */
import { spawn } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fault } from '../core/errors.ts';
import { makeIncusApi } from './incus-api.ts';
import { findIncusd } from './incusd.ts';
import { hasSystemd } from './init-system.ts';
import { writeWhole } from './packages.ts';
import { runProgram, tryProgram } from './program.ts';
import type { HostStep } from './step.ts';

export interface EngineServiceWanted {
  readonly incusDir: string;
  readonly socket: string;
}

/** The first start of all makes its database; a start after a crash with many servers is slower. Beyond this it hangs. */
const readyMs = 120_000;
/** It mounts in a moment, or not at all. */
const lxcfsMs = 20_000;
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
    await allowLxcfs(signal);
    // Once stopped (it goes with the socket), the start-up unit stays so, and then nobody shuts servers down in order when the machine goes down.
    const units = ['lxcfs.service', 'incus.socket', 'incus.service', 'incus-startup.service'];
    const known = (await runProgram(['systemctl', 'list-unit-files', '--no-legend', '--plain', ...units], { signal })).split(/\s+/u);
    const there = units.filter((unit) => known.includes(unit));
    await runProgram(['systemctl', 'enable', '--now', ...there], { signal, timeoutMs: 660_000 });
  } else {
    if (!(await isLxcfsUp())) await startLxcfs();
    if (!(await answers(wanted.socket))) await startIncusd(wanted.incusDir);
  }
  await waitUntil(isLxcfsUp, lxcfsMs, signal, () =>
    fault(
      'cannot-here',
      `lxcfs was started and did not mount ${lxcfsDirectory}: does this machine have /dev/fuse?${hasSystemd() ? ' See journalctl -u lxcfs' : ''}`,
    ),
  );
  await waitUntil(
    () => answers(wanted.socket),
    readyMs,
    signal,
    () => {
      const log = hasSystemd() ? 'journalctl -u incus' : incusLog;
      return fault('engine-unavailable', `Incus was started and does not answer after ${readyMs / 1000} s: see ${log}`);
    },
  );
}

const incusLog = '/var/log/incus/incusd.log';

async function startLxcfs(): Promise<void> {
  await mkdir(lxcfsDirectory, { recursive: true });
  // A dead lxcfs leaves a mount that answers "transport endpoint is not connected".
  await tryProgram(['umount', '--lazy', lxcfsDirectory]);
  startAlone('lxcfs', ['-l', '-p', '/run/lxcfs.pid', lxcfsDirectory], {});
}

/** The distribution's unit skips a machine that is a container itself, where lxcfs works as well as anywhere and is no less needed. */
export const lxcfsAllowance = '/etc/systemd/system/lxcfs.service.d/myserver.conf';

async function allowLxcfs(signal: AbortSignal | undefined): Promise<void> {
  if ((await tryProgram(['systemd-detect-virt', '--quiet', '--container'], { signal })).exitCode !== 0) return;
  await writeWhole(
    lxcfsAllowance,
    '# Written by myserver: servers need lxcfs in a machine that is a container, too.\n[Unit]\nConditionVirtualization=\n',
  );
  await runProgram(['systemctl', 'daemon-reload'], { signal });
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

async function waitUntil(
  isSo: () => Promise<boolean>,
  longestMs: number,
  signal: AbortSignal | undefined,
  failure: () => Error,
): Promise<void> {
  const deadline = Date.now() + longestMs;
  while (!(await isSo())) {
    signal?.throwIfAborted();
    if (Date.now() > deadline) throw failure();
    await sleep(100);
  }
}
