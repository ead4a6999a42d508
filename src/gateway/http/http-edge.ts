/** The embedded HTTP edge: servers' public pages by HTTP and HTTPS, from the gateway itself. */
import { Agent, type IncomingMessage } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import { messageOf } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import type { Service } from '../../base/service.ts';
import type { WebListener, WebPorts } from '../../core/web-origins.ts';
import { nothingOnTheWeb, type WebRoute, type WebState } from '../../core/web-route.ts';
import type { Edge } from '../../network/edge.ts';
import { type Answers, makeAnswers } from './answers.ts';
import { makeTrust, takeFailed, takeHandedOn, takeProxied } from './behind-front.ts';
import { type DecisionOptions, type Known, knownOf } from './decision.ts';
import type { DeskLink } from './desk.ts';
import { drain, listening, type ListenerLimits, makeListener, type Taking } from './listener.ts';
import { makeLive } from './live.ts';
import type { Portal } from '../portal/portal.ts';
import { makeTlsContexts } from './tls-contexts.ts';

/** Paths of sockets by which HAProxy hands on what is not for it, and what a server did not take. */
export interface FrontSockets {
  readonly handedOn: string;
  readonly failed: string;
}

export interface HttpEdgeOptions extends DecisionOptions, ListenerLimits {
  /** The addresses to listen at; a port of 0 is any free one. */
  readonly listen: { readonly host: string | undefined; readonly ports: WebPorts; readonly front?: FrontSockets };
  readonly desk: DeskLink;
  readonly portal?: Portal;
  readonly answerMs: number;
  /** How long what flows may go on when this ends. Asked then. */
  readonly drainMs: () => number;
  readonly log: Log;
}

export interface HttpEdge extends Service, Edge {
  /** Where it listens now. */
  ports(): WebPorts;
}

const mostKept = 64;

const listeners: readonly WebListener[] = ['http', 'https', 'content'];

export function makeHttpEdge(options: HttpEdgeOptions): HttpEdge {
  const { origins, log, listen } = options;
  const agent = new Agent({ keepAlive: true, maxFreeSockets: mostKept });
  const live = makeLive();
  const tls = makeTlsContexts(log);
  let state: WebState = nothingOnTheWeb;
  /** Undefined until control has said. */
  let known: Known | undefined;

  const answers = makeAnswers({ ...options, live, agent, known: () => known });
  const isTrusted = makeTrust(options.trustedProxies ?? []);
  const servers = listeners.flatMap((listener) => {
    const port = listen.ports[listener];
    if (port === undefined) return [];
    const by = (request: IncomingMessage) => (isTrusted(request.socket.remoteAddress) ? takeProxied(request, listener) : listener);
    const made = makeListener(options, takingBy(by, answers), listener === 'http' ? undefined : tls);
    return [{ ...made, listener, at: { host: listen.host, port } }];
  });
  const behind = listen.front === undefined ? [] : behindFront(options, listen.front, answers);

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
      known = knownOf(next, origins);
      const { visitors } = known;
      tls.set(next.certificates);
      const fresh = new Map(next.routes.map((route) => [keyOf(route), route]));
      live.sweep(({ route, claims }) => {
        const now = fresh.get(keyOf(route));
        return now !== undefined && (now.policy === 'public' || (claims !== undefined && visitors.mayVisit(now, claims)));
      });
      dropKept(
        agent,
        next.routes.filter((route) => before.has(keyOf(route))),
      );
      return Promise.resolve();
    },
    matches: (wanted) => Promise.resolve(known !== undefined && isDeepStrictEqual(wanted, state)),
    async start() {
      await Promise.all([...servers, ...behind].map(({ server, at }) => listening(server, at)));
      for (const { server } of [...servers, ...behind])
        server.on('error', (error) => log.error({ error: messageOf(error) }, 'the HTTP edge'));
    },
    async stop() {
      await Promise.all([...servers, ...behind].map(async (one) => await drain(one, options.drainMs(), () => live.sweep(() => false))));
      agent.destroy();
    },
  };
}

function behindFront(options: HttpEdgeOptions, { handedOn, failed }: FrontSockets, answers: Answers) {
  const contentPort = options.origins.ports.content;
  return [
    { path: handedOn, take: takeHandedOn },
    { path: failed, take: (request: IncomingMessage) => takeFailed(request, contentPort) },
  ].map(({ path, take }) => {
    const made = makeListener({ ...options, mostConnections: Infinity }, takingBy(take, answers));
    return { ...made, at: { path, readableAll: false, writableAll: false } };
  });
}

/** `by`: the listener by which a request came. */
function takingBy(by: (request: IncomingMessage) => WebListener, answers: Answers): Taking {
  return {
    onRequest: (request, response) => answers.onRequest(by(request), request, response),
    onUpgrade: (request, client, first) => answers.onUpgrade(by(request), request, client, first),
  };
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
