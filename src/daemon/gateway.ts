/**
 * The gateway process: parses everything that strangers send. It runs as a user of its own, without store, engine or firewall, and asks control for every
 * decision. The first process only keeps workers, and loads nothing of what they are made of; each worker (gateway-worker.ts) is a whole gateway. SIGHUP
 * begins new workers (of the program and the configuration as they are on the disk by then) and, once these take people in, lets the old ones finish what
 * lives: until then the old ones do, so nobody is refused. SIGTERM ends all.
 */
import cluster, { type Worker } from 'node:cluster';
import { availableParallelism } from 'node:os';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import { type Config, defaultConfigPath, loadConfig } from './config.ts';
import { usualBastionPorts, usualWebPorts } from './gateway-config.ts';
import { makeLog } from './log.ts';

const portVariable = 'MYSERVER_BASTION_PORT';
const webPortVariable = 'MYSERVER_WEB_PORT';
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
    await work(config, log, { bastion: Number(process.env[portVariable]), web: Number(process.env[webPortVariable]) || undefined });
  } catch (error) {
    log.error({ error: messageOf(error) }, 'the gateway cannot run');
    process.exitCode = 1;
  }
}

async function readConfig(): Promise<Config> {
  return await loadConfig(process.env['MYSERVER_CONFIG'] ?? defaultConfigPath);
}

async function keepWorkers(config: Config, log: Log): Promise<void> {
  let port = await choosePort(config);
  let webPort = await chooseWebPort(config, log);
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
    const worker = cluster.fork({ [portVariable]: String(port), [webPortVariable]: String(webPort ?? '') });
    current.add(worker);
    worker.on('listening', ({ port: at }) => {
      if (at === port) listening.add(worker);
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
    // One that was chosen stays: the old workers have it still.
    port = next.bastion.port ?? port;
    webPort = next.web.isEnabled ? (next.web.port ?? webPort ?? (await chooseWebPort(next, log))) : undefined;
    retiring = [...retiring, ...current];
    current.clear();
    beginAll(next);
  }

  process.on('SIGHUP', () => {
    reload().catch((error: unknown) => log.error({ error: messageOf(error) }, 'nothing was reloaded: the workers go on as they are'));
  });
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

/** The configured one, else the first of the usual ones that is free. */
async function choosePort({ bastion, gateway }: Config): Promise<number> {
  if (bastion.port !== undefined) return bastion.port;
  const { port, refusals } = await firstFree(usualBastionPorts, gateway.host);
  if (port !== undefined) return port;
  throw new Error(
    `the bastion can listen at none of the ports ${usualBastionPorts.join(' and ')} (${refusals}): set "bastion": { "port": ... } in the configuration`,
  );
}

/** Without any, people still come in by SSH: that is told, and no reason not to run. */
async function chooseWebPort({ web, gateway }: Config, log: Log): Promise<number | undefined> {
  if (!web.isEnabled || web.port !== undefined) return web.isEnabled ? web.port : undefined;
  const { port, refusals } = await firstFree(usualWebPorts, gateway.host);
  if (port === undefined) log.error({ refusals }, 'servers\' pages are not served: set "web": { "port": ... } in the configuration');
  return port;
}

async function firstFree(
  ports: readonly number[],
  host: string | undefined,
): Promise<{ readonly port?: number; readonly refusals: string }> {
  const refusals: string[] = [];
  for (const port of ports) {
    const probe = createServer();
    probe.listen({ host, port });
    const refusal = await Promise.race([
      once(probe, 'listening').then(() => undefined),
      once(probe, 'error').then(([error]) => messageOf(error)),
    ]);
    probe.close();
    if (refusal === undefined) return { port, refusals: refusals.join('; ') };
    refusals.push(refusal);
  }
  return { refusals: refusals.join('; ') };
}
