/**
 * A whole installation for one test file: an engine of its own, control as a process of its own, the images that were built once for all tests, and the
 * real command line to talk to it. Its plan has another network and other bases than a real installation's, so that mixing them up would show.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { edgeFiles } from '../daemon/edge-kind.ts';
import { makeHaproxyDaemon } from '../network/haproxy/process.ts';
import { parsePlan, type Plan } from '../core/plan.ts';
import { runProcess, type Ran, type RunOptions } from './run-process.ts';
import { makeTestEngine, type TestEngine } from './test-engine.ts';

const sourcePath = fileURLToPath(new URL('../cli/main.ts', import.meta.url));

/** Where `./test` puts the images it built once: `debian12-minimal.squashfs` and so on. */
export const testImages = process.env['MYSERVER_TEST_IMAGES'];

/** For a test's `skip`: false where the images are there. */
export const lacksImages =
  testImages === undefined ? 'needs the images that ./test builds; set MYSERVER_TEST_IMAGES to their directory' : false;

/** Of the test's plan: ID 3 is at 12003, 18003 and 28003. */
export const testBases = { ssh: 12_000, www: 18_000, usr: 28_000 } as const;

export interface TestInstallation extends AsyncDisposable {
  readonly engine: TestEngine;
  readonly runDir: string;
  readonly stateDir: string;
  readonly configPath: string;
  readonly plan: Plan;
  /** The command line as root on the host, over root.sock. Never throws for an exit code. */
  myserver(args: readonly string[], options?: RunOptions): Promise<Ran>;
  /** The same, and the test fails unless it exits 0; the standard output. */
  ok(...args: string[]): Promise<string>;
  /** A program in the engine's network (`host`) or on the machine outside (`client`). */
  run(where: 'host' | 'client', argv: readonly string[], options?: RunOptions): Promise<Ran>;
  /** `kill -9`, or a signal with time to end. Resolves when it is gone. */
  endControl(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>;
  /** Resolves when it answers. */
  startControl(): Promise<void>;
  controlLog(): Promise<string>;
  /** Of the process that `startControl` started; with `isInside` control is its child. */
  controlPid(): number | undefined;
}

export interface TestInstallationOptions {
  readonly poolBytes?: number;
  /** Merged over the test's own configuration, part by part. */
  readonly config?: Readonly<Record<string, object>>;
  /** Types of debian12 to import. */
  readonly images?: readonly string[];
  /** The program's file, to run another than the source: the bundle. */
  readonly program?: string;
  /** Runs control where incusd is, its mounts and processes too, as on a real host: then it sees the pool. Signals do not reach it. */
  readonly isInside?: boolean;
}

/** That of packaging/myserver-control.service: what control makes for others to use must not depend on who started it. */
const underUnitsMask = ['sh', '-c', 'umask 0077 && exec "$@"', 'control'];

export async function makeTestInstallation(options: TestInstallationOptions = {}): Promise<TestInstallation> {
  await using undo = new AsyncDisposableStack();
  const engine = undo.use(await makeTestEngine(options.poolBytes === undefined ? {} : { poolBytes: options.poolBytes }));
  const places = { runDir: join(engine.dir, 'run'), stateDir: join(engine.dir, 'state'), cacheDir: join(engine.dir, 'cache') };
  const configPath = join(engine.dir, 'config.json');
  const config = configFor(engine, places, options.config ?? {});
  await writeFile(configPath, JSON.stringify(config));
  const env = environmentFor(engine, configPath, places.runDir);
  const logPath = join(engine.dir, 'control.log');
  const mainPath = options.program ?? sourcePath;
  const enterControl = options.isInside === true ? engine.inside : engine.enter;
  let control: ChildProcess | undefined;

  async function endControl(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const ending = control;
    control = undefined;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    ending.kill(signal);
    await once(ending, 'exit');
  }

  const myserver: TestInstallation['myserver'] = async (args, run = {}) =>
    await runProcess([...engine.enter, process.execPath, mainPath, ...args], { env, ...run });

  async function startControl(): Promise<void> {
    const log = createWriteStream(logPath, { flags: 'a' });
    const [program, ...args] = [...enterControl, ...underUnitsMask, process.execPath, mainPath, 'control'];
    const started = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    started.stdout.pipe(log, { end: false });
    started.stderr.pipe(log, { end: false });
    control = started;
    const until = Date.now() + 30_000;
    while (!(await answers(join(places.runDir, 'root.sock')))) {
      if (started.exitCode !== null || started.signalCode !== null || Date.now() > until)
        throw new Error(`control does not answer:\n${await readFile(logPath, 'utf8')}`);
      await sleep(20);
    }
  }

  async function ok(...args: string[]): Promise<string> {
    const ran = await myserver(args);
    if (ran.exitCode !== 0) throw new Error(`myserver ${args.join(' ')} exited with ${ran.exitCode}:\n${ran.stderr}${ran.stdout}`);
    return ran.stdout;
  }

  // It outlives control, as it is meant to.
  undo.defer(async () => await makeHaproxyDaemon({ files: edgeFiles(places) }).stop());
  undo.defer(async () => await endControl('SIGTERM'));
  await startControl();
  for (const type of options.images ?? ['minimal']) {
    const stem = join(testImages ?? '', `debian12-${type}`);
    await ok('image', 'import', 'debian12', type, '--metadata', `${stem}.meta.tar.gz`, '--rootfs', `${stem}.squashfs`);
  }
  const disposal = undo.move();
  return {
    engine,
    ...places,
    configPath,
    plan: parsePlan(config.plan),
    myserver,
    ok,
    run: async (where, argv, run = {}) =>
      await runProcess([...(where === 'host' ? engine.enter : engine.enterClient), ...argv], { env, ...run }),
    endControl,
    startControl,
    controlLog: async () => await readFile(logPath, 'utf8'),
    controlPid: () => control?.pid,
    [Symbol.asyncDispose]: async () => await disposal.disposeAsync(),
  };
}

function environmentFor({ dir }: TestEngine, configPath: string, runDir: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    MYSERVER_CONFIG: configPath,
    MYSERVER_RUN_DIR: runDir,
    NO_COLOR: '1',
    HOME: dir,
    // Tests start the command line so often that compiling it each time would be half of their time.
    NODE_COMPILE_CACHE: join(dir, 'compile-cache'),
  };
}

/** Control opens its door when its first pass is through; a socket that a killed one left behind refuses. */
async function answers(socketPath: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(socketPath);
  socket.once('connect', () => resolve(true));
  socket.once('error', () => resolve(false));
  await promise.finally(() => socket.destroy());
  return await promise;
}

function configFor(engine: TestEngine, places: object, more: Readonly<Record<string, object>>) {
  const block = (name: 'ssh' | 'www' | 'usr', privatePort: number) => ({ name, privatePort, base: testBases[name] });
  return {
    ...places,
    publicHost: engine.publicAddress,
    engine: { socket: engine.socket, project: engine.project, pool: engine.pool, network: engine.bridge },
    plan: {
      network: engine.network,
      host: engine.hostAddress,
      address: { rule: 'offset', first: '10.77.1.0' },
      ids: { first: 0, last: 199 },
      blocks: [block('ssh', 22), block('www', 80), block('usr', 8000)],
    },
    firewall: { table: 'myserver_test' },
    overcommit: { memory: 100, cpus: 100, disk: 100 },
    ...more,
    // Doctor misses one that should be there.
    bastion: { enabled: false, ...more['bastion'] },
    gateway: { recordingsDir: join(engine.dir, 'recordings'), ...more['gateway'] },
    web: { edge: 'embedded', socketDir: join(engine.dir, 'web'), ...more['web'] },
  };
}
