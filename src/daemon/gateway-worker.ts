/** One worker of the gateway: a bastion, and what it tells control. */
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../base/clock.ts';
import { messageOf } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import { makeBastion } from '../gateway/bastion/bastion.ts';
import { makeLedger } from '../gateway/bastion/ledger.ts';
import { watchRoom } from '../gateway/bastion/recording-room.ts';
import { makeTelling } from '../gateway/bastion/telling.ts';
import { type ControlLink, makeControlLink } from '../gateway/control-link.ts';
import { makeDeskLink } from '../gateway/http/desk-link.ts';
import { consoleService } from '../gateway/console/console-service.ts';
import { makeTerminals } from '../gateway/console/terminals.ts';
import { makeTransfers } from '../gateway/console/transfers.ts';
import { makeWorkerDoor } from '../gateway/console/worker-door.ts';
import { makeApiRelay } from '../gateway/portal/api-relay.ts';
import { loadAssets } from '../gateway/portal/assets.ts';
import { makePortal } from '../gateway/portal/portal.ts';
import type { WebOrigins } from '../core/web-origins.ts';
import { type HttpEdgeOptions, makeHttpEdge } from '../gateway/http/http-edge.ts';
import { makeWebFollowing } from '../gateway/http/web-following.ts';
import type { Config } from './config.ts';

import { consolesDir, gatewaySocketPath, portalSocketPath } from './gateway-socket.ts';
import { portalFiles } from './portal-files.ts';
import { frontSockets, hasHaproxyInFront } from './edge-kind.ts';
import type { GatewayPorts } from './gateway-ports.ts';
import { letBuffersPass } from './heap.ts';
import { runServices } from './lifecycle.ts';
import { webOriginsOf } from './web-origins.ts';

/** Control is asked again so often while it does not answer. */
const retryMs = 1000;

export async function work(config: Config, log: Log, { bastion: port, web: webPorts }: GatewayPorts): Promise<void> {
  letBuffersPass();
  const link = makeControlLink(gatewaySocketPath(config.runDir));
  const hello = await untilControlAnswers(link, log);
  const ledger = makeLedger(systemClock);
  let drainMs = 0;
  let drainUntil = 0;
  process.once('SIGHUP', () => {
    drainMs = config.gateway.drainMs;
    drainUntil = Date.now() + drainMs;
  });
  // To one that drains already, too: what it still has to tell for the audit is told before the first process kills it.
  process.on('SIGTERM', () => {
    drainMs = 0;
    drainUntil = 0;
  });
  const recorder = { ...config.gateway.recordings, isDiskLow: watchRoom(config.gateway.recordings.dir) };
  const bastion = makeBastion({
    link,
    ledger,
    log,
    network: hello.network,
    hostAddress: hello.hostAddress,
    publicHost: hello.publicHost,
    version: hello.version,
    port,
    recorder,
    hostKey: hello.hostKey,
    listen: { host: config.gateway.host, port },
    drainMs: () => drainMs,
    onListening: () => telling.nudge(),
  });
  const door = makeWorkerDoor(consolesDir(config.runDir));
  const transfers = makeTransfers({ door, log });
  const terminals = makeTerminals({ link, ledger, log, door, recorder, transfers });
  const assets = await loadAssets(portalFiles());
  const origins = webOriginsOf(config, hello.publicHost, webPorts);
  const edge =
    origins === undefined
      ? undefined
      : makeHttpEdge({
          origins,
          network: hello.network,
          listen: listenFor(config, origins),
          desk: makeDeskLink(link),
          portal: makePortal({ api: makeApiRelay(portalSocketPath(config.runDir)), assets, terminals, transfers }),
          trustedProxies: config.web.trustedProxies,
          answerMs: config.web.answerMs,
          drainMs: () => drainMs,
          log,
        });
  const telling = makeTelling({
    link,
    ledger,
    log,
    port: () => bastion.address()?.port,
    webPorts: () => (hasHaproxyInFront(config) ? origins?.ports : edge?.ports()),
  });
  ledger.onChange(() => telling.nudge());
  const web =
    edge === undefined
      ? []
      : [makeWebFollowing({ link, edge, log }), consoleService({ terminals, transfers, door, log, drainUntil: () => drainUntil }), edge];
  await runServices([telling, ...web, bastion], log, { longestEndMs: () => drainMs + 8000 });
  process.exit(0);
}

function listenFor(config: Config, { ports }: WebOrigins): HttpEdgeOptions['listen'] {
  const { host } = config.gateway;
  if (!hasHaproxyInFront(config)) return { host, ports };
  return { host, ports: { http: undefined, https: undefined, content: undefined }, front: frontSockets(config) };
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
