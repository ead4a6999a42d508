/** The REST API at its two doors. `daemon/services` makes one, starts it when control is ready and stops it first. */
import type { FastifyInstance } from 'fastify';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Log } from '../base/log.ts';
import type { Service } from '../base/service.ts';
import { fault } from '../core/errors.ts';
import type { ServerControl } from '../control/control.ts';
import type { GatewayControl } from '../control/gateway/gateway-control.ts';
import type { PeopleControl } from '../control/people/people-control.ts';
import type { HostKeys } from '../store/servers.ts';
import { makeDoor } from './door.ts';
import { makeEventStreams } from './event-stream.ts';
import { hostKeysOf, knownHostsText } from './known-hosts.ts';
import { listenPrivately, type PrivateSocket } from './private-socket.ts';
import { bind, bindInternal, makeHandlers } from './routes.ts';
import { makeViews } from './views.ts';

export interface ApiConfig {
  /** Its directory must be there. Undefined: no such door. */
  readonly rootSocket: string | undefined;
  /** Where the gateway asks. Undefined: there is none. */
  readonly gatewaySocket: PrivateSocket | undefined;
  /** Where the gateway passes on what people elsewhere ask. Undefined: there is no such door. */
  readonly portalSocket: PrivateSocket | undefined;
  /** Where the local door listens; port 0 takes any. Undefined: no such door. */
  readonly local: { readonly host: string; readonly port: number } | undefined;
  /** Names that the local door answers for beside the loopback ones. */
  readonly names: readonly string[];
  /** Origins whose pages may use the local door: the portal's. */
  readonly origins: readonly string[];
  readonly loginsPerMinute: number;
  readonly heartbeatMs: number;
}

const defaultApiConfig: ApiConfig = {
  rootSocket: '/run/myserver/root.sock',
  gatewaySocket: undefined,
  portalSocket: undefined,
  local: { host: '127.0.0.1', port: 9440 },
  names: [],
  origins: [],
  loginsPerMinute: 120,
  heartbeatMs: 15_000,
};

export interface ApiOptions {
  readonly control: ServerControl;
  readonly people: PeopleControl;
  readonly gateway: GatewayControl;
  readonly hostKeys: Pick<HostKeys, 'list' | 'revoked'>;
  readonly log: Log;
  readonly config?: Partial<ApiConfig>;
}

export interface Api extends Service {
  readonly rootDoor: FastifyInstance;
  readonly localDoor: FastifyInstance;
  /** Where the local door listens; undefined before `start`. */
  localUrl(): string | undefined;
}

/** How long answers under way may take once the end has come. Shorter than what a service manager waits before it kills. */
const graceMs = 2000;

export async function makeApi({ control, people, gateway, hostKeys, log, config: given }: ApiOptions): Promise<Api> {
  const config = { ...defaultApiConfig, ...given };
  const views = makeViews(() => control.facts);
  const parts = { control, people, gateway, views, hostKeys: async () => await hostKeysOf(hostKeys, control.facts) };
  const routes = bind(makeHandlers(parts));
  const streams = makeEventStreams({ control, views, log, heartbeatMs: config.heartbeatMs });
  const stopping = new AbortController();
  const common = {
    routes,
    people,
    gatewayCallers: gateway.callers,
    streams,
    log,
    knownHosts: async () => knownHostsText(await hostKeysOf(hostKeys, control.facts)),
    version: control.facts.version,
    guard: config,
    loginsPerMinute: config.loginsPerMinute,
    stopping: stopping.signal,
  };
  const rootDoor = await makeDoor({ kind: 'root', ...common });
  const localDoor = await makeDoor({ kind: 'local', ...common });
  const gatewayDoor = await makeDoor({ kind: 'gateway', ...common, routes: [...routes, ...bindInternal(parts)] });
  const portalDoor = await makeDoor({ kind: 'portal', ...common });
  const doors = [rootDoor, localDoor, gatewayDoor, portalDoor];
  const started = new AsyncDisposableStack();
  const localUrl = () => {
    const address = localDoor.server.address();
    return address === null || typeof address === 'string' ? undefined : urlOf(address);
  };

  return {
    name: 'api',
    rootDoor,
    localDoor,
    localUrl,
    async start() {
      started.defer(async () => {
        for (const door of doors) await door.close();
      });
      for (const door of doors) await door.ready();
      const open = async (door: FastifyInstance, socket: PrivateSocket): Promise<void> => {
        const remove = await listenPrivately(door.server, socket);
        started.defer(() => end(door.server));
        started.defer(remove);
      };
      if (config.gatewaySocket !== undefined) {
        await open(gatewayDoor, config.gatewaySocket);
        log.info({ path: config.gatewaySocket.path }, "the gateway's door is open");
      }
      if (config.portalSocket !== undefined) await open(portalDoor, config.portalSocket);
      if (config.rootSocket !== undefined) {
        await open(rootDoor, { path: config.rootSocket });
        log.info({ path: config.rootSocket }, "root's door is open");
      }
      if (config.local !== undefined) {
        await listen(localDoor.server, config.local);
        started.defer(() => end(localDoor.server));
        log.info({ url: localUrl() }, 'the local door is open');
      }
    },
    async stop() {
      stopping.abort();
      streams.closeAll();
      await started.disposeAsync();
    },
  };
}

async function listen(server: Server, { host, port }: NonNullable<ApiConfig['local']>): Promise<void> {
  server.listen(port, host);
  try {
    await Promise.race([once(server, 'listening'), once(server, 'error').then(([error]: unknown[]) => Promise.reject(error))]);
  } catch (error) {
    throw fault(
      'conflict',
      `the API cannot listen on ${host}:${port}; another program may have that port: see "ss -ltnp sport = :${port}"`,
      {
        cause: error,
      },
    );
  }
}

/** No new connections; those that answer may finish, then all are cut. */
async function end(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(cut);
}

function urlOf({ address, port, family }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
