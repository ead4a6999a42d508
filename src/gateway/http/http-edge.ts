/** The embedded HTTP edge: servers' public pages by HTTP and HTTPS, from the gateway itself. */
import { Agent, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import type { Service } from '../../base/service.ts';
import type { WebListener, WebPorts } from '../../core/web-origins.ts';
import { makeWebMap, nothingOnTheWeb, type WebRoute, type WebState } from '../../core/web-route.ts';
import type { Edge } from '../../network/edge.ts';
import { type DecisionOptions, type Known, makeDecide } from './decision.ts';
import { type ListenerLimits, makeListener, silenceMs } from './listener.ts';
import { makeLive } from './live.ts';
import { notFoundPage, sendPage } from './pages.ts';
import { proxy, type ProxyParts } from './proxy.ts';
import { makeTlsContexts } from './tls-contexts.ts';
import { answerInstead, passUpgrade } from './upgrade.ts';

export interface HttpEdgeOptions extends DecisionOptions, ListenerLimits {
  /** The addresses to listen at; a port of 0 is any free one. */
  readonly listen: { readonly host: string | undefined; readonly ports: WebPorts };
  readonly answerMs: number;
  /** How long what flows may go on when this ends. Asked then. */
  readonly drainMs: () => number;
  readonly log: Log;
}

export interface HttpEdge extends Service, Edge {
  /** Where it listens now. */
  ports(): WebPorts;
}

const connectMs = 3000;
const mostKept = 64;

const listeners: readonly WebListener[] = ['http', 'https', 'content'];

export function makeHttpEdge(options: HttpEdgeOptions): HttpEdge {
  const { origins, log, answerMs, listen } = options;
  const decide = makeDecide(options);
  const agent = new Agent({ keepAlive: true, maxFreeSockets: mostKept });
  const live = makeLive();
  const parts: ProxyParts = { agent, live, times: { connectMs, answerMs } };
  const tls = makeTlsContexts(log);
  let state: WebState = nothingOnTheWeb;
  /** Undefined until control has said. */
  let known: Known | undefined;

  function onRequest(listener: WebListener, request: IncomingMessage, response: ServerResponse): void {
    const decision = decide(request, listener, known);
    if ('passing' in decision) return proxy(request, response, decision.passing, parts);
    if ('page' in decision) return sendPage(request, response, decision.page);
    const { status, location } = decision.redirect;
    response.writeHead(status, { location, 'content-length': 0, ...(request.complete ? {} : { connection: 'close' }) });
    response.end();
  }

  function onUpgrade(listener: WebListener, request: IncomingMessage, client: Socket, first: Buffer): void {
    client.setTimeout(silenceMs, () => client.destroy());
    client.on('error', () => client.destroy());
    const decision = decide(request, listener, known);
    if ('passing' in decision) return passUpgrade(request, client, first, decision.passing, parts);
    answerInstead(request, client, 'page' in decision ? decision.page : notFoundPage);
  }

  const servers = listeners.flatMap((listener) => {
    const port = listen.ports[listener];
    if (port === undefined) return [];
    const server = makeListener(options, listener === 'http' ? undefined : tls);
    server.on('request', (request, response) => onRequest(listener, request, response));
    server.on('checkContinue', (request, response) => onRequest(listener, request, response));
    server.on('upgrade', (request, client: Socket, first) => onUpgrade(listener, request, client, first));
    return [{ listener, port, server }];
  });

  function portOf(wanted: WebListener): number | undefined {
    const address = servers.find(({ listener }) => listener === wanted)?.server.address();
    return typeof address === 'object' ? address?.port : undefined;
  }

  return {
    name: 'http edge',
    ports: () => ({ http: portOf('http'), https: portOf('https'), content: portOf('content') }),
    set(next) {
      const before = new Set(state.routes.map(keyOf));
      state = next;
      known = { map: makeWebMap(next, origins), authority: next.authority };
      tls.set(next.certificates);
      const open = new Set(next.routes.filter(({ policy }) => policy === 'public').map(keyOf));
      live.sweep((route) => open.has(keyOf(route)));
      dropKept(
        agent,
        next.routes.filter((route) => before.has(keyOf(route))),
      );
      return Promise.resolve();
    },
    matches: (wanted) => Promise.resolve(known !== undefined && isDeepStrictEqual(wanted, state)),
    async start() {
      await Promise.all(servers.map(({ server, port }) => listening(server, { host: listen.host, port })));
      for (const { server } of servers) server.on('error', (error) => log.error({ error: messageOf(error) }, 'the HTTP edge'));
    },
    async stop() {
      await Promise.all(servers.map(({ server }) => drain(server, options.drainMs(), () => live.sweep(() => false))));
      agent.destroy();
    },
  };
}

/** A refusal is thrown. */
async function listening(server: Server, at: { readonly host: string | undefined; readonly port: number }): Promise<void> {
  server.listen(at);
  await once(server, 'listening');
}

async function drain(server: Server, drainMs: number, cutAll: () => void): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  const ending = new AbortController();
  const close = setInterval(() => server.closeIdleConnections(), 500);
  await Promise.race([closed, sleep(drainMs, undefined, { signal: ending.signal }).catch(() => {})]);
  ending.abort();
  clearInterval(close);
  cutAll();
  server.closeAllConnections();
}

/** Kept connections lead to whoever had the address when they were made: only those of routes that stay are used again. */
function dropKept(agent: Agent, stay: readonly WebRoute[]): void {
  const places = new Set(stay.map(({ address, port }) => `${address}:${port}:`));
  for (const [place, sockets] of Object.entries(agent.freeSockets))
    if (!places.has(place)) for (const socket of sockets ?? []) socket.destroy();
}

function keyOf({ generation, door }: WebRoute): string {
  return `${generation} ${door}`;
}
