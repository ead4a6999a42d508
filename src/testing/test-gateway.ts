/**
 * A gateway for a test's installation, as `up` starts it: the bundle, under a user of its own with nothing but the right to low ports. Program and Node
 * are put where that user may read them, whoever owns the checkout.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, rmSync } from 'node:fs';
import { copyFile, cp, link, mkdir, mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runProcess } from './run-process.ts';
import type { TestInstallation } from './test-installation.ts';

/** For `makeTestInstallation`'s `config`: control opens the gateway's socket to `nobody`. */
export const gatewayConfig = {
  gateway: { user: 'nobody', workers: 1, host: '0.0.0.0' },
  bastion: { enabled: true, port: 22 },
  web: { port: 80, httpsPort: 443, contentPort: 9444 },
} as const;

export interface TestGateway extends AsyncDisposable {
  readonly port: number;
  log(): Promise<string>;
  /** Of the first process. */
  pid(): number | undefined;
  start(): Promise<void>;
  /** Resolves when it is gone; after SIGHUP at once. */
  end(signal: 'SIGKILL' | 'SIGTERM' | 'SIGHUP'): Promise<void>;
}

const readyMs = 30_000;
let bundle: Promise<string> | undefined;

/** Ready when it greets. */
export async function makeTestGateway(installation: TestInstallation): Promise<TestGateway> {
  const { engine, configPath } = installation;
  bundle ??= makeBundle();
  const program = join(engine.dir, 'program');
  await mkdir(program, { mode: 0o755 });
  await cp(await bundle, program, { recursive: true });
  const node = join(engine.dir, 'node');
  await link(process.execPath, node).catch(async () => await copyFile(process.execPath, node));
  const { port } = gatewayConfig.bastion;
  const logPath = join(engine.dir, 'gateway.log');
  const asNobody = ['setpriv', '--reuid=nobody', '--regid=nogroup', '--clear-groups', '--no-new-privs'];
  const rights = ['--inh-caps=-all,+net_bind_service', '--ambient-caps=-all,+net_bind_service', '--bounding-set=-all,+net_bind_service'];
  let child: ChildProcess | undefined;

  const gateway: TestGateway = {
    port,
    log: async () => await readFile(logPath, 'utf8').catch(() => ''),
    pid: () => child?.pid,
    async start() {
      const [first, ...words] = [...engine.enter, ...asNobody, ...rights, node, join(program, 'myserver.js'), 'gateway'];
      const log = createWriteStream(logPath, { flags: 'a' });
      const started = spawn(first, words, {
        env: { PATH: process.env['PATH'], MYSERVER_CONFIG: configPath, NODE_NO_WARNINGS: '1' },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      started.stdout.pipe(log, { end: false });
      started.stderr.pipe(log, { end: false });
      child = started;
      const until = Date.now() + readyMs;
      const greets = ['timeout', '2', 'bash', '-c', `exec 3<>/dev/tcp/127.0.0.1/${port}; head -c 7 <&3`];
      while ((await runProcess([...engine.enter, ...greets])).stdout !== 'SSH-2.0') {
        if (started.exitCode !== null || Date.now() > until) throw new Error(`the gateway does not greet:\n${await gateway.log()}`);
        await sleep(50);
      }
    },
    async end(signal) {
      const ending = child;
      if (signal !== 'SIGHUP') child = undefined;
      if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
      ending.kill(signal);
      if (signal !== 'SIGHUP') await once(ending, 'exit');
    },
    [Symbol.asyncDispose]: async () => await gateway.end('SIGTERM'),
  };
  await gateway.start();
  return gateway;
}

async function makeBundle(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'myserver-bundle-'));
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
  const { buildProgram } = await import('../../scripts/build.ts');
  await buildProgram(dir);
  return dir;
}
