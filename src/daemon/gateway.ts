/**
 * The gateway process: parses everything that strangers send. It runs as a user of its own, without store, engine or firewall, and asks control for every
 * decision. The first process only keeps workers; each worker is a whole gateway. SIGHUP begins new workers (of the program as it is on the disk by then)
 * and lets the old ones finish what lives; SIGTERM ends all.
 */
import cluster, { type Worker } from 'node:cluster';
import { availableParallelism } from 'node:os';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../base/fault.ts';
import { systemClock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { makeBastion } from '../gateway/bastion/bastion.ts';
import { makeLedger } from '../gateway/bastion/ledger.ts';
import { makeTelling } from '../gateway/bastion/telling.ts';
import { makeControlLink, type ControlLink } from '../gateway/control-link.ts';
import { type Config, defaultConfigPath, loadConfig } from './config.ts';
import { usualBastionPorts } from './gateway-config.ts';
import { gatewaySocketPath } from './gateway-socket.ts';
import { letBuffersPass } from './heap.ts';
import { runServices } from './lifecycle.ts';
import { makeLog } from './log.ts';

const portVariable = 'MYSERVER_BASTION_PORT';
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
    const config = await loadConfig(process.env['MYSERVER_CONFIG'] ?? defaultConfigPath);
    await (cluster.isPrimary ? keepWorkers(config, log) : work(config, log));
  } catch (error) {
    log.error({ error: messageOf(error) }, 'the gateway cannot run');
    process.exitCode = 1;
  }
}

async function keepWorkers(config: Config, log: Log): Promise<void> {
  const port = await choosePort(config);
  const count = config.gateway.workers === 0 ? availableParallelism() : config.gateway.workers;
  const current = new Set<Worker>();
  let isEnding = false;

  function begin(): void {
    const began = performance.now();
    const worker = cluster.fork({ [portVariable]: String(port) });
    current.add(worker);
    worker.once('exit', (code, signal) => {
      const wasMeant = isEnding || !current.delete(worker);
      if (wasMeant) return;
      log.error({ code, signal }, 'a worker ended by itself; another takes its place');
      setTimeout(begin, performance.now() - began < soonMs ? retryMs : 0);
    });
  }

  process.on('SIGHUP', () => {
    log.info({}, 'new workers; the old ones finish what lives');
    const old = [...current];
    current.clear();
    for (let each = 0; each < count; each += 1) begin();
    for (const worker of old) worker.process.kill('SIGHUP');
  });
  for (let each = 0; each < count; each += 1) begin();
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

async function work(config: Config, log: Log): Promise<void> {
  letBuffersPass();
  const link = makeControlLink(gatewaySocketPath(config.runDir));
  const hello = await untilControlAnswers(link, log);
  const port = Number(process.env[portVariable]);
  const ledger = makeLedger(systemClock);
  let drainMs = 0;
  process.once('SIGHUP', () => {
    drainMs = config.gateway.drainMs;
  });
  const bastion = makeBastion({
    link,
    ledger,
    log,
    network: hello.network,
    hostAddress: hello.hostAddress,
    publicHost: hello.publicHost,
    version: hello.version,
    port,
    recorder: config.gateway.recordings,
    hostKey: hello.hostKey,
    listen: { host: config.gateway.host, port },
    drainMs: () => drainMs,
    onListening: () => telling.nudge(),
  });
  const telling = makeTelling({ link, ledger, log, port: () => bastion.address()?.port });
  ledger.onChange(() => telling.nudge());
  await runServices([telling, bastion], log, { longestEndMs: () => drainMs + 8000 });
  process.exit(0);
}

/** Control may be started after us, and may be away for a while. */
async function untilControlAnswers(link: ControlLink, log: Log) {
  for (let isTold = false; ; isTold = true) {
    try {
      return await link.call('hello');
    } catch (error) {
      if (!isTold) log.warn({ error: messageOf(error) }, 'waiting for control');
      await sleep(retryMs);
    }
  }
}

/** The configured one, else 22 where nobody has it, else 3022. */
async function choosePort({ bastion, gateway }: Config): Promise<number> {
  if (bastion.port !== undefined) return bastion.port;
  for (const port of usualBastionPorts) {
    const probe = createServer();
    probe.listen({ host: gateway.host, port });
    const isFree = await Promise.race([once(probe, 'listening').then(() => true), once(probe, 'error').then(() => false)]);
    probe.close();
    if (isFree) return port;
  }
  throw new Error(
    `neither of the ports ${usualBastionPorts.join(' and ')} is free for the bastion: set "bastion": { "port": ... } in the configuration`,
  );
}
