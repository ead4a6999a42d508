/**
 * The gateway process: parses everything that strangers send. It runs as a user of its own, without store, engine or firewall, and asks control for every
 * decision. The first process only keeps workers, and loads nothing of what they are made of; each worker (gateway-worker.ts) is a whole gateway. SIGHUP
 * begins new workers (of the program and the configuration as they are on the disk by then) and, once these take people in, lets the old ones finish what
 * lives: until then the old ones do, so nobody is refused. SIGTERM ends all.
 */
import cluster, { type Worker } from 'node:cluster';
import { availableParallelism } from 'node:os';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import { type Config, defaultConfigPath, loadConfig } from './config.ts';
import { frontSockets, hasHaproxyInFront } from './edge-kind.ts';
import { chooseGatewayPorts, type GatewayPorts } from './gateway-ports.ts';
import { makeLog } from './log.ts';

const portsVariable = 'MYSERVER_GATEWAY_PORTS';
const retryMs = 1000;
/** A worker that ends sooner than this after its start is begun again slowly. */
const soonMs = 5000;

export async function main(): Promise<void> {
  const log = makeLog('myserver-gateway');
  try {
    if (process.getuid?.() === 0)
      throw new Error(
        'the gateway is not run as root: "sudo ./up" starts it as a user of its own ("myserver gateway" under setpriv, or the unit myserver-gateway)',
      );
    const config = await readConfig();
    if (cluster.isPrimary) return await keepWorkers(config, log);
    const { work } = await import('./gateway-worker.ts');
    await work(config, log, JSON.parse(process.env[portsVariable] ?? '') as GatewayPorts);
  } catch (error) {
    log.error({ error: messageOf(error) }, 'the gateway cannot run');
    process.exitCode = 1;
  }
}

/** Sockets are made by this process for all workers: HAProxy's group may use them, and what a former one left behind is in the way. */
async function makeReadyForFront(config: Config): Promise<void> {
  process.umask(0o007);
  for (const path of Object.values(frontSockets(config))) await rm(path, { force: true });
}

async function readConfig(): Promise<Config> {
  return await loadConfig(process.env['MYSERVER_CONFIG'] ?? defaultConfigPath);
}

async function keepWorkers(config: Config, log: Log): Promise<void> {
  let ports = await chooseGatewayPorts(config, log);
  const current = new Set<Worker>();
  const listening = new WeakSet<Worker>();
  /** They go when all of `current` listen. */
  let retiring: readonly Worker[] = [];
  let isEnding = false;

  function retire(): void {
    if (![...current].every((worker) => listening.has(worker))) return;
    for (const worker of retiring) worker.process.kill('SIGHUP');
    retiring = [];
  }

  function begin(): void {
    const began = performance.now();
    const worker = cluster.fork({ [portsVariable]: JSON.stringify(ports) });
    current.add(worker);
    worker.on('listening', ({ port: at }) => {
      if (at === ports.bastion) listening.add(worker);
      retire();
    });
    worker.once('exit', (code, signal) => {
      const wasMeant = isEnding || !current.delete(worker);
      if (wasMeant) return;
      log.error({ code, signal }, 'a worker ended by itself; another takes its place');
      setTimeout(begin, performance.now() - began < soonMs ? retryMs : 0);
    });
  }

  function beginAll({ gateway }: Config): void {
    const count = gateway.workers === 0 ? availableParallelism() : gateway.workers;
    for (let each = 0; each < count; each += 1) begin();
  }

  async function reload(): Promise<void> {
    const next = await readConfig();
    log.info({}, 'new workers; the old ones finish what lives');
    ports = await chooseGatewayPorts(next, log, ports);
    retiring = [...retiring, ...current];
    current.clear();
    beginAll(next);
  }

  process.on('SIGHUP', () => {
    reload().catch((error: unknown) => log.error({ error: messageOf(error) }, 'nothing was reloaded: the workers go on as they are'));
  });
  if (hasHaproxyInFront(config)) await makeReadyForFront(config);
  beginAll(config);
  const ended = Promise.withResolvers<void>();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => ended.resolve());
  await ended.promise;
  isEnding = true;
  const all = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
  const exits = all.map((worker) => once(worker, 'exit'));
  for (const worker of all) worker.process.kill('SIGTERM');
  await Promise.race([Promise.all(exits), sleep(8000, undefined, { ref: false })]);
  process.exit(0);
}
