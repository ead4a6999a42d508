/** HAProxy with the gateway's edge behind it, as an installation has them, on this machine's loopback. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { silentLog } from '../src/base/log.ts';
import type { WebOrigins, WebPorts } from '../src/core/web-origins.ts';
import { nothingOnTheWeb } from '../src/core/web-route.ts';
import { type FrontSockets, type HttpEdge, makeHttpEdge } from '../src/gateway/http/http-edge.ts';
import { type DeskLink } from '../src/gateway/http/desk.ts';
import { noDesk } from '../src/gateway/http/desk.testing.ts';
import type { Edge } from '../src/network/edge.ts';
import { answerMs, domain, network } from '../src/network/edge-room.testing.ts';
import { haproxyFiles, type HaproxyFiles } from '../src/network/haproxy/files.ts';
import { makeHaproxyEdge } from '../src/network/haproxy/haproxy-edge.ts';
import { type HaproxyProcess, makeHaproxyDaemon } from '../src/network/haproxy/process.ts';
import { failurePages } from '../src/daemon/failure-pages.ts';
import { freePorts } from '../src/testing/free-ports.ts';

export interface HaproxyRoom extends AsyncDisposable {
  readonly edge: Edge;
  readonly ports: WebPorts;
  /** Of its plain HTTP. */
  readonly port: number;
  readonly files: HaproxyFiles;
  readonly process: HaproxyProcess;
  /** Another of the same, as a control that was started anew makes it. */
  again(): Edge;
  endGateway(): Promise<void>;
}

export interface HaproxyRoomOptions {
  readonly desk?: DeskLink;
  readonly hasHttps?: boolean;
  readonly trustedProxies?: readonly string[];
  readonly hasProxyProtocol?: boolean;
  readonly mostConnections?: number;
}

export const lacksHaproxy = hasHaproxy() ? false : 'needs HAProxy (the package haproxy)';

function hasHaproxy(): boolean {
  try {
    execFileSync('haproxy', ['-v'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export async function makeHaproxyRoom({
  trustedProxies = [],
  hasProxyProtocol = false,
  ...change
}: HaproxyRoomOptions = {}): Promise<HaproxyRoom> {
  const dir = await mkdtemp(join(tmpdir(), 'myserver-haproxy-'));
  const [http = 0, https = 0, content = 0] = await freePorts(3);
  const [ports, shown]: readonly [WebPorts, WebPorts] =
    change.hasHttps === true
      ? [
          { http, https, content },
          { http: 80, https: 443, content: undefined },
        ]
      : [
          { http, https: undefined, content: undefined },
          { http: 80, https: undefined, content: undefined },
        ];
  const origins: WebOrigins = { publicHost: 'host.example', domain, ports: shown, isHttpsOnly: false };
  const front = { handedOn: join(dir, 'edge.sock'), failed: join(dir, 'failed.sock') };
  const behind = makeBehind(origins, front, change.desk);
  await behind.start();
  const files = haproxyFiles(join(dir, 'haproxy'));
  const process = makeHaproxyDaemon({ files });
  const makeFront = () =>
    makeHaproxyEdge({
      files,
      origins,
      network,
      hosts: ['127.0.0.1'],
      ports,
      gatewaySocket: front.handedOn,
      failedSocket: front.failed,
      account: undefined,
      trustedProxies,
      hasProxyProtocol,
      answerMs,
      headMs: 1000,
      mostConnections: change.mostConnections ?? 500,
      process,
      page: failurePages,
      log: silentLog,
    });
  const both = (edge: Edge): Edge => ({
    async set(state, signal) {
      await behind.set(state, signal);
      await edge.set(state, signal);
    },
    matches: async (state, signal) => (await behind.matches(state, signal)) && (await edge.matches(state, signal)),
  });
  const edge = both(makeFront());
  // Nothing but the gateway answers until somebody says what there is.
  await makeFront().set(nothingOnTheWeb);
  return {
    edge,
    ports,
    port: http,
    files,
    process,
    again: () => both(makeFront()),
    endGateway: async () => await behind.stop(),
    async [Symbol.asyncDispose]() {
      await process.stop();
      await behind.stop().catch(() => {});
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function makeBehind(origins: WebOrigins, front: FrontSockets, desk: DeskLink = noDesk): HttpEdge {
  return makeHttpEdge({
    origins,
    network,
    listen: { host: '127.0.0.1', ports: { http: undefined, https: undefined, content: undefined }, front },
    desk,
    answerMs,
    headMs: 1000,
    drainMs: () => 0,
    log: silentLog,
  });
}
