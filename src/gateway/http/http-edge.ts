/** The embedded HTTP edge: servers' public pages by plain HTTP, from the gateway itself. */
import { Agent, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import type { Service } from '../../base/service.ts';
import { makeWebMap, nothingOnTheWeb, type WebMap, type WebRoute, type WebState } from '../../core/web-route.ts';
import type { Edge } from '../../network/edge.ts';
import { type DecisionOptions, makeDecide } from './decision.ts';
import { type ListenerLimits, makeListener, silenceMs } from './listener.ts';
import { makeLive } from './live.ts';
import { notFoundPage, sendPage } from './pages.ts';
import { proxy, type ProxyParts } from './proxy.ts';
import { answerInstead, passUpgrade } from './upgrade.ts';

export interface HttpEdgeOptions extends DecisionOptions, ListenerLimits {
  readonly listen: { readonly host: string | undefined; readonly port: number };
  readonly answerMs: number;
  /** How long what flows may go on when this ends. Asked then. */
  readonly drainMs: () => number;
  readonly log: Log;
}

export interface HttpEdge extends Service, Edge {
  address(): AddressInfo | undefined;
}

const connectMs = 3000;
const mostKept = 64;

export function makeHttpEdge(options: HttpEdgeOptions): HttpEdge {
  const { origins, log, answerMs } = options;
  const decide = makeDecide(options);
  const agent = new Agent({ keepAlive: true, maxFreeSockets: mostKept });
  const live = makeLive();
  const parts: ProxyParts = { agent, live, times: { connectMs, answerMs } };
  let state: WebState = nothingOnTheWeb;
  /** Undefined until control has said. */
  let map: WebMap | undefined;

  function onRequest(request: IncomingMessage, response: ServerResponse): void {
    const decision = decide(request, map);
    if ('passing' in decision) return proxy(request, response, decision.passing, parts);
    if ('page' in decision) return sendPage(request, response, decision.page);
    response.writeHead(308, { location: decision.redirect, 'content-length': 0, ...(request.complete ? {} : { connection: 'close' }) });
    response.end();
  }

  function onUpgrade(request: IncomingMessage, client: Socket, first: Buffer): void {
    client.setTimeout(silenceMs, () => client.destroy());
    client.on('error', () => client.destroy());
    const decision = decide(request, map);
    if ('passing' in decision) return passUpgrade(request, client, first, decision.passing, parts);
    answerInstead(request, client, 'page' in decision ? decision.page : notFoundPage);
  }

  const server = makeListener(options);
  server.on('request', onRequest);
  server.on('checkContinue', onRequest);
  server.on('upgrade', onUpgrade);

  return {
    name: 'http edge',
    address() {
      const address = server.address();
      return address === null || typeof address === 'string' ? undefined : address;
    },
    set(next) {
      const known = new Set(state.routes.map(keyOf));
      state = next;
      map = makeWebMap(next, origins);
      const open = new Set(next.routes.filter(({ policy }) => policy === 'public').map(keyOf));
      live.sweep((route) => open.has(keyOf(route)));
      // Kept connections lead to whoever had the address when they were made.
      const places = new Set(next.routes.filter((route) => known.has(keyOf(route))).map(({ address, port }) => `${address}:${port}:`));
      for (const [place, sockets] of Object.entries(agent.freeSockets))
        if (!places.has(place)) for (const socket of sockets ?? []) socket.destroy();
      return Promise.resolve();
    },
    matches: (wanted) => Promise.resolve(map !== undefined && isDeepStrictEqual(wanted, state)),
    async start() {
      server.listen({ ...options.listen });
      // A refusal is thrown by this.
      await once(server, 'listening');
      server.on('error', (error) => log.error({ error: messageOf(error) }, 'the HTTP edge'));
    },
    async stop() {
      const closed = once(server, 'close');
      server.close();
      const ending = new AbortController();
      const close = setInterval(() => server.closeIdleConnections(), 500);
      await Promise.race([closed, sleep(options.drainMs(), undefined, { signal: ending.signal }).catch(() => {})]);
      ending.abort();
      clearInterval(close);
      live.sweep(() => false);
      server.closeAllConnections();
      agent.destroy();
    },
  };
}

function keyOf({ generation, door }: WebRoute): string {
  return `${generation} ${door}`;
}
