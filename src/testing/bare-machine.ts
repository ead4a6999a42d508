/**
 * A machine that nobody has touched yet, for `./up` to be run on whole: a system container with systemd as its first process, a disk, a network and
 * mounts of its own, in which Incus runs as it would on hardware. It reaches package sources through slirp4netns, which changes nothing of the host's
 * network, and has a neighbour on a cable, as people's machines are. What it shares with the host is the kernel: limits that are the kernel's alone
 * (/proc/sys but for the network) it can read and not change.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { System } from '../host/image/recipe.ts';
import type { AptSources } from '../host/image/sources.ts';
import { raiseKernelLimits } from '../host/kernel-limits.ts';
import { diskSpaceAt } from '../host/pool-size.ts';
import { runProgram, tryProgram } from '../host/program.ts';
import { boot } from './bare-machine-boot.ts';
import { checkoutInside, makeDisk } from './bare-machine-disk.ts';
import { processName } from './process-name.ts';
import { runProcess, type Ran } from './run-process.ts';
import { netnsNames, ownerFile, removeTraces, roomFile, sweepDeadEngines, testRoot } from './sweep.ts';

export interface BareMachine extends AsyncDisposable {
  /** A directory of the test's on the host. */
  readonly dir: string;
  /** Its address for the neighbour. */
  readonly address: string;
  /** Runs a program in it as root, in the checkout, as a service of its systemd. */
  run(argv: readonly string[], timeoutMs?: number): Promise<Ran>;
  /** Standard output of a line of shell that must succeed. */
  shell(script: string, timeoutMs?: number): Promise<string>;
  /** Words before a program that run it on the neighbour. */
  readonly enterNeighbour: readonly string[];
  /** `systemctl reboot`; resolves when it is up again, with how long it took to go down. */
  reboot(): Promise<number>;
}

const address = '198.18.0.1';
const neighbour = '198.18.0.2';
const leastFreeBytes = 10 * 2 ** 30;
const bootMs = 90_000;
/** systemd gives up on a unit that does not stop after 90 s. */
const downMs = 120_000;

/** For a test's `skip`: why this host can have none. */
export async function lacksBareMachine(): Promise<string | false> {
  if (process.getuid?.() !== 0) return 'needs root';
  for (const device of ['/dev/fuse', '/dev/loop-control', '/dev/net/tun']) {
    if (!existsSync(device)) return `this host has no ${device}`;
  }
  for (const program of ['slirp4netns', 'mmdebstrap', 'mkfs.ext4']) {
    if ((await tryProgram(['which', program])).exitCode !== 0) return `this host has no ${program}: ./test --long installs it`;
  }
  const apart = await tryProgram(['unshare', '--mount', '--pid', '--fork', '--net', 'mount', '-t', 'sysfs', 'sysfs', '/sys']);
  if (apart.exitCode !== 0) return `this host allows no privileged container: ${apart.stderr.trim()}`;
  await mkdir(testRoot, { recursive: true });
  const { freeBytes } = await diskSpaceAt(testRoot);
  return freeBytes < leastFreeBytes && `${(leastFreeBytes / 2 ** 30).toFixed(0)} GiB of free disk are needed at ${testRoot}`;
}

export async function makeBareMachine(system: System, sources: AptSources, signal: AbortSignal): Promise<BareMachine> {
  await sweepDeadEngines();
  await raiseKernelLimits();
  const name = `m${process.pid.toString(36)}${system.release}`;
  const dir = join(testRoot, name);
  const netns = netnsNames(name);
  await using undo = new AsyncDisposableStack();
  undo.defer(() => removeTraces(name));
  await mkdir(dir, { recursive: true, mode: 0o711 });
  await writeFile(join(dir, ownerFile), processName(process.pid) ?? '');
  const disk = join(dir, 'disk.img');
  await makeDisk(disk, system, sources, signal);

  let init = 0;
  let running: ChildProcess | undefined;
  let network: ChildProcess | undefined;
  const run = (argv: readonly string[], timeoutMs = 60_000) => runProcess([...within(init), ...asService(), ...argv], { timeoutMs });

  const start = async () => {
    for (const each of [netns.engine, netns.client]) await tryProgram(['ip', 'netns', 'delete', each]);
    await makeCable(netns.engine, netns.client);
    network = await connect(netns.engine);
    ({ init, running } = await boot({ name: netns.engine, dir, disk, signal }));
    await writeFile(roomFile(dir), processName(init) ?? '');
    await isUp(init);
  };
  const ended = async () => {
    network?.stdin?.destroy();
    if (running !== undefined && running.exitCode === null && running.signalCode === null)
      await once(running, 'exit', { signal: AbortSignal.timeout(downMs) });
  };
  undo.defer(async () => {
    running?.kill('SIGKILL');
    await ended();
  });
  await start();

  const disposal = undo.move();
  return {
    dir,
    address,
    run,
    async shell(script, timeoutMs) {
      const { exitCode, stdout, stderr } = await run(['bash', '-ec', script], timeoutMs);
      if (exitCode !== 0) throw new Error(`"${script}" ended with code ${exitCode}: ${stdout}${stderr}`);
      return stdout;
    },
    enterNeighbour: ['nsenter', `--net=/run/netns/${netns.client}`, '--'],
    async reboot() {
      const began = performance.now();
      await runProcess([...within(init), 'systemctl', 'reboot']);
      await ended();
      const tookMs = performance.now() - began;
      await start();
      return tookMs;
    },
    [Symbol.asyncDispose]: () => disposal.disposeAsync(),
  };
}

/** Its systemd is asked again until it can be. */
async function isUp(init: number): Promise<void> {
  const deadline = Date.now() + bootMs;
  for (;;) {
    const { stdout, stderr } = await runProcess([...within(init), 'systemctl', 'is-system-running', '--wait'], { timeoutMs: bootMs });
    if (/^(?:running|degraded)$/mu.test(stdout)) return;
    if (Date.now() > deadline) throw new Error(`the machine does not come up: ${stdout}${stderr}`);
    await sleep(200);
  }
}

function within(init: number): readonly string[] {
  return ['nsenter', `--target=${init}`, '--all', '--', 'env', '-i', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'];
}

function asService(): readonly string[] {
  const proxies = ['http_proxy', 'https_proxy', 'no_proxy'].filter((key) => process.env[key] !== undefined);
  const env = ['HOME=/root', 'LANG=C.UTF-8', 'TERM=dumb', ...proxies.map((key) => `${key}=${process.env[key]}`)];
  return [
    ...'systemd-run --quiet --pipe --wait --collect'.split(' '),
    ...env.flatMap((word) => ['-E', word]),
    `--working-directory=${checkoutInside}`,
    '--',
  ];
}

async function makeCable(machine: string, client: string): Promise<void> {
  const commands = [
    ['netns', 'add', machine],
    ['netns', 'add', client],
    ['-n', machine, 'link', 'add', 'out0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', client],
    ['-n', machine, 'address', 'add', `${address}/30`, 'dev', 'out0'],
    ['-n', client, 'address', 'add', `${neighbour}/30`, 'dev', 'eth0'],
    ...['lo', 'out0'].map((link) => ['-n', machine, 'link', 'set', link, 'up']),
    ...['lo', 'eth0'].map((link) => ['-n', client, 'link', 'set', link, 'up']),
  ];
  for (const words of commands) await runProgram(['ip', ...words]);
}

/** It ends when our end of the pipe is closed, by our wish or by our death. */
async function connect(netns: string): Promise<ChildProcess> {
  const words = [
    ...'--configure --mtu=1400 --disable-host-loopback --exit-fd=0 --netns-type=path'.split(' '),
    `/run/netns/${netns}`,
    'up0',
  ];
  const child = spawn('slirp4netns', words, { stdio: ['pipe', 'ignore', 'ignore'] });
  child.on('error', () => {});
  for (let tries = 0; tries < 100; tries += 1) {
    const routes = await tryProgram(['ip', '-n', netns, 'route', 'show', 'default']);
    if (routes.stdout.includes('up0')) return child;
    await sleep(50);
  }
  child.kill('SIGKILL');
  throw new Error('slirp4netns gave the machine no network');
}
