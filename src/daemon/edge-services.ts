/** HAProxy in front of the gateway, driven by control. */
import { chown, chmod, mkdir } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { messageOf } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import type { WebRoutes } from '../control/web/web-routes.ts';
import { type EdgeKeeper, makeEdgeKeeper } from '../control/web/edge-keeper.ts';
import { hasSystemd } from '../host/init-system.ts';
import { makeHaproxyEdge } from '../network/haproxy/haproxy-edge.ts';
import { makeHaproxyDaemon, makeHaproxyUnit } from '../network/haproxy/process.ts';
import { accountOf } from './account.ts';
import type { Config } from './config.ts';
import { edgeFiles, frontPorts, frontSockets } from './edge-kind.ts';
import { failurePages } from './failure-pages.ts';
import { webOriginsOf } from './web-origins.ts';

export const edgeUnit = 'myserver-edge.service';
const account = 'haproxy';

/** Undefined where nothing is to be served. */
export function haproxyKeeper(config: Config, publicHost: string, web: WebRoutes, log: Log): EdgeKeeper | undefined {
  const { gateway, web: settings, plan } = config;
  const ports = frontPorts(config);
  const origins = webOriginsOf(config, publicHost, ports);
  if (origins === undefined) return undefined;
  const files = edgeFiles(config);
  const sockets = frontSockets(config);
  const edge = makeHaproxyEdge({
    files,
    origins,
    network: plan.network.text,
    ports,
    hosts: hostsFor(gateway.host),
    gatewaySocket: sockets.handedOn,
    failedSocket: sockets.failed,
    account: { user: account, group: account },
    trustedProxies: settings.trustedProxies,
    hasProxyProtocol: settings.hasProxyProtocol,
    answerMs: settings.answerMs,
    headMs: 10_000,
    mostConnections: 500,
    process:
      hasSystemd() && existsSync(`/etc/systemd/system/${edgeUnit}`)
        ? makeHaproxyUnit({ files, unit: edgeUnit })
        : makeHaproxyDaemon({ files }),
    page: failurePages,
    log,
  });
  const keeper = makeEdgeKeeper({ web, edge, log });
  return {
    ...keeper,
    async start() {
      await makeSocketDir(config).catch((error: unknown) =>
        log.error(
          { dir: settings.socketDir, error: messageOf(error) },
          "the directory of the gateway's sockets for HAProxy could not be made",
        ),
      );
      await keeper.start();
    },
  };
}

/** Each on its own: an IPv4 visitor is seen as one. */
function hostsFor(host: string | undefined): readonly string[] {
  if (host !== undefined) return [host.includes(':') ? `[${host}]` : host];
  return existsSync('/proc/net/if_inet6') ? ['0.0.0.0', '[::]'] : ['0.0.0.0'];
}

/** The gateway makes sockets in it, and HAProxy's account may use them: nobody else comes in. */
async function makeSocketDir({ web, gateway }: Config): Promise<void> {
  const [owner, front] = [await accountOf(gateway.user), await accountOf(account)];
  if (owner === undefined || front === undefined) throw new Error(`there is no account ${owner === undefined ? gateway.user : account}`);
  await mkdir(web.socketDir, { recursive: true, mode: 0o750 });
  await chown(web.socketDir, owner.userId, front.groupId);
  await chmod(web.socketDir, 0o2750);
}
