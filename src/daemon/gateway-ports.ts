/** Where the gateway listens: what the configuration says, else the first of the usual ports that is free, chosen once for all of its workers. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { messageOf } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import type { WebListener, WebPorts } from '../core/web-origins.ts';
import type { Config } from './config.ts';
import { frontPorts, hasHaproxyInFront } from './edge-kind.ts';
import { usualBastionPorts, usualWebPorts } from './gateway-config.ts';

/** `web` undefined: no pages are served. */
export interface GatewayPorts {
  readonly bastion: number;
  readonly web: WebPorts | undefined;
}

/** One that was chosen `before` stays: the old workers have it still. Throws where the bastion can be nowhere. */
export async function chooseGatewayPorts(config: Config, log: Log, before?: GatewayPorts): Promise<GatewayPorts> {
  return { bastion: await bastionPort(config, before), web: await webPortsOf(config, log, before) };
}

async function webPortsOf(config: Config, log: Log, before: GatewayPorts | undefined): Promise<WebPorts | undefined> {
  if (!config.web.isEnabled) return undefined;
  return hasHaproxyInFront(config) ? frontPorts(config) : await webPorts(config, log, before?.web);
}

async function bastionPort({ bastion, gateway }: Config, before: GatewayPorts | undefined): Promise<number> {
  const known = bastion.port ?? before?.bastion;
  if (known !== undefined) return known;
  const { port, refusals } = await firstFree(usualBastionPorts, gateway.host);
  if (port !== undefined) return port;
  throw new Error(
    `the bastion can listen at none of the ports ${usualBastionPorts.join(' and ')} (${refusals}): set "bastion": { "port": ... } in the configuration`,
  );
}

/** Without any, people still come in by SSH: that is told, and no reason not to run. */
async function webPorts({ web, gateway }: Config, log: Log, before: WebPorts | undefined): Promise<WebPorts> {
  async function at(listener: WebListener): Promise<number | undefined> {
    if (!web.listeners.includes(listener)) return undefined;
    const known = web.ports[listener] ?? before?.[listener];
    if (known !== undefined) return known;
    const { port, refusals } = await firstFree(usualWebPorts[listener], gateway.host);
    if (port === undefined)
      log.error({ listener, refusals }, 'servers\' pages are not served there: set a port under "web" in the configuration');
    return port;
  }
  return { http: await at('http'), https: await at('https'), content: await at('content') };
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
