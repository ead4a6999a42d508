/**
 * A test's own Incus beside whatever runs on this machine: own network, mounts, processes, directory, disk pool and bridge, preseeded by the code that
 * brings a real installation up. Beside it stands a client machine, which reaches the engine's public address over a cable and nothing else. Nobody
 * else is reachable from either: traffic of a test never leaves the machine. Tests with engines of their own may run at the same time.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findIncusd } from '../host/incusd.ts';
import { makeIncusApi, type IncusApi } from '../host/incus-api.ts';
import { preseed } from '../host/preseed.ts';
import { runProgram, tryProgram } from '../host/program.ts';
import { raiseKernelLimits } from '../host/kernel-limits.ts';
import { openEngineRoom, type EngineRoom } from './engine-room.ts';
import { processName } from './process-name.ts';
import { netnsNames, ownerFile, removeTraces, roomFile, sweepDeadEngines, testRoot } from './sweep.ts';

export interface TestEngineOptions {
  /** Of the sparse file below the pool. */
  readonly poolBytes?: number;
  /** For incusd: which certificates it trusts, say. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface TestEngine extends AsyncDisposable {
  /** Short and of this run alone: `t1a2b1`. */
  readonly name: string;
  readonly netns: string;
  /** A directory of this engine's; tests may put files of theirs there. It goes with the engine. */
  readonly dir: string;
  readonly incusDir: string;
  /** The same as incusd sees it, with the pool mounted; for a program of this machine. */
  readonly mountedDir: string;
  /** Incus's API, usable from outside the namespace. */
  readonly socket: string;
  readonly project: string;
  readonly pool: string;
  readonly bridge: string;
  /** The private network `10.77.0.0/16`, and the host's address in it. The same for every engine: each has a network namespace. */
  readonly network: string;
  readonly hostAddress: string;
  /** The engine's address on the cable to the client machine: what servers' public ports are reached at. */
  readonly publicAddress: string;
  readonly clientAddress: string;
  /** An address behind the client, for what servers reach "outside". */
  readonly farAddress: string;
  /** Words before a program that run it in the engine's network: control, nft, ssh, curl. Signals reach the program itself. */
  readonly enter: readonly string[];
  /** The same for the client machine. */
  readonly enterClient: readonly string[];
  /** Words before a program that run it where incusd is (its mounts and processes too), for a look at the pool or a container's processes. */
  readonly inside: readonly string[];
  readonly api: IncusApi;
  /** Pulls incusd's plug (`kill -9`). Servers go on running. */
  crashIncus(): Promise<void>;
  /** Starts incusd again and waits until it answers. */
  startIncus(): Promise<void>;
}

export const testNetwork = {
  network: '10.77.0.0/16',
  hostAddress: '10.77.0.1',
  publicAddress: '198.18.0.1',
  clientAddress: '198.18.0.2',
  farAddress: '198.51.100.7',
} as const;

const pool = 'myserver';
const bridge = 'msbr0';
const project = 'myserver';
const readyMs = 60_000;

let made = 0;

/** Needs root. Ready in about two seconds on a quiet machine. */
export async function makeTestEngine(options: TestEngineOptions = {}): Promise<TestEngine> {
  await sweepDeadEngines();
  await raiseKernelLimits();
  made += 1;
  const name = `t${process.pid.toString(36)}${made.toString(36)}`;
  const dir = join(testRoot, name);
  const incusDir = join(dir, 'incus');
  const netns = netnsNames(name);

  await using undo = new AsyncDisposableStack();
  undo.defer(() => removeTraces(name));
  await mkdir(incusDir, { recursive: true, mode: 0o711 });
  await writeFile(join(dir, ownerFile), processName(process.pid) ?? '');
  await makeNetworks(netns);
  const room = undo.adopt(await openEngineRoom(netns.engine, dir), ({ close }) => close());
  await writeFile(roomFile(dir), processName(room.pid) ?? '');
  await startLxcfs(room, dir);
  const socket = join(incusDir, 'unix.socket');
  const api = makeIncusApi(socket);
  const incusd = makeIncusdHandle({ room, dir, incusDir, api, env: options.env ?? {} });
  await incusd.start();
  await preseed(api, {
    incusDir,
    project,
    pool: { name: pool, sizeBytes: options.poolBytes ?? 5 * 2 ** 30, isPreallocated: false },
    bridge: { name: bridge, address: `${testNetwork.hostAddress}/16`, resolvesOutside: false },
  });
  const enter = enterOf(netns.engine);
  // The second is 1 in each new namespace, and then a server does not reach itself through its own public port.
  await runProgram([...enter, 'sysctl', '-qew', `net.ipv4.conf.${bridge}.route_localnet=1`, 'net.bridge.bridge-nf-call-iptables=0']);

  const disposal = undo.move();
  return {
    ...testNetwork,
    name,
    netns: netns.engine,
    dir,
    incusDir,
    mountedDir: `/proc/${room.pid}/root${incusDir}`,
    socket,
    project,
    pool,
    bridge,
    api,
    enter,
    enterClient: enterOf(netns.client),
    inside: room.inside,
    crashIncus: () => incusd.crash(),
    startIncus: () => incusd.start(),
    [Symbol.asyncDispose]: () => disposal.disposeAsync(),
  };
}

/** `nsenter` with nothing but a network runs the program in its own place: no process between, so that a signal meets the program. */
function enterOf(netns: string): readonly string[] {
  return ['nsenter', `--net=/run/netns/${netns}`, '--'];
}

async function makeNetworks(netns: { readonly engine: string; readonly client: string }): Promise<void> {
  const { publicAddress, clientAddress, farAddress } = testNetwork;
  const commands = [
    ['netns', 'add', netns.engine],
    ['netns', 'add', netns.client],
    ['-n', netns.engine, 'link', 'add', 'out0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', netns.client],
    ['-n', netns.engine, 'address', 'add', `${publicAddress}/30`, 'dev', 'out0'],
    ['-n', netns.client, 'address', 'add', `${clientAddress}/30`, 'dev', 'eth0'],
    ['-n', netns.client, 'address', 'add', `${farAddress}/32`, 'dev', 'lo'],
    ...[netns.engine, netns.client].map((each) => ['-n', each, 'link', 'set', 'lo', 'up']),
    ['-n', netns.engine, 'link', 'set', 'out0', 'up'],
    ['-n', netns.client, 'link', 'set', 'eth0', 'up'],
    ['-n', netns.engine, 'route', 'add', 'default', 'via', clientAddress],
  ];
  for (const words of commands) await runProgram(['ip', ...words]);
  await runProgram([...enterOf(netns.engine), 'sysctl', '-qw', 'net.ipv4.ip_forward=1']);
}

/** Its own, seen by this engine's containers alone: `free` and `nproc` inside a server then tell the server's limits. */
async function startLxcfs({ inside }: EngineRoom, dir: string): Promise<void> {
  const start = 'mkdir -p /var/lib/lxcfs && exec lxcfs -l -p "$1/lxcfs.pid" /var/lib/lxcfs';
  const lxcfs = spawn(inside[0] ?? '', [...inside.slice(1), 'sh', '-c', start, 'lxcfs', dir], { stdio: 'ignore' });
  lxcfs.unref();
  lxcfs.on('error', () => {});
  const isMounted = async () => (await tryProgram([...inside, 'mountpoint', '-q', '/var/lib/lxcfs'])).exitCode === 0;
  await waitFor('lxcfs to be there', 10_000, isMounted);
}

interface IncusdPlace {
  readonly room: EngineRoom;
  readonly dir: string;
  readonly incusDir: string;
  readonly api: IncusApi;
  readonly env: Readonly<Record<string, string>>;
}

function makeIncusdHandle({ room, dir, incusDir, api, env: more }: IncusdPlace): { start(): Promise<void>; crash(): Promise<void> } {
  const pidFile = join(dir, 'incusd.pid');
  let daemon: ChildProcess | undefined;
  const start = async () => {
    const { path, env } = await findIncusd();
    const words = [...room.inside, 'sh', '-c', 'echo $$ > "$1"; shift; exec "$@"', 'incusd', pidFile];
    const [file, ...args] = [...words, path, '--group', 'root', '--logfile', join(dir, 'incusd.log')];
    daemon = spawn(file, args, { stdio: 'ignore', env: { ...process.env, ...env, ...more, INCUS_DIR: incusDir } });
    daemon.unref();
    const own = daemon;
    await waitFor(`incusd to answer (its log is ${join(dir, 'incusd.log')})`, readyMs, async () => {
      if (own.exitCode !== null) throw new Error(`incusd ended with code ${own.exitCode}: ${await lastLines(join(dir, 'incusd.log'))}`);
      return api.ask('GET', '/1.0').then(
        () => true,
        () => false,
      );
    });
  };
  const crash = async () => {
    const own = daemon;
    if (own === undefined || own.exitCode !== null || own.signalCode !== null) return;
    const ended = once(own, 'exit');
    const pid = (await readFile(pidFile, 'utf8')).trim();
    await runProgram([...room.inside, 'kill', '-KILL', pid]);
    own.ref();
    await ended;
  };
  return { start, crash };
}

async function lastLines(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.trim().split('\n').slice(-3).join(' | ');
}

async function waitFor(what: string, forMs: number, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + forMs;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`waited ${forMs / 1000} s for ${what}, in vain`);
    await sleep(20);
  }
}
