/** A listening HTTP server with the limits that strangers get (DESIGN.md, invariant 6). */
import { once } from 'node:events';
import { createServer, type Server as HttpServer, type IncomingMessage, type ServerOptions, type ServerResponse } from 'node:http';
import { createSecureServer, Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { ListenOptions, Server, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { networkOf } from '../../core/peer-address.ts';
import { makeTrust } from './behind-front.ts';
import { asHttp1, http2Settings, keepSessions } from './over-http2.ts';
import type { TlsContexts } from './tls-contexts.ts';

export interface ListenerLimits {
  /** A client's head has to be there in this time; 10 s where nothing is said. */
  readonly headMs?: number;
  /** For one client's network; 500 where nothing is said. */
  readonly mostConnections?: number;
  /** Networks of proxies before us: not counted, and believed about their clients. */
  readonly trustedProxies?: readonly string[];
}

export interface Taking {
  readonly onRequest: (request: IncomingMessage, response: ServerResponse) => void;
  readonly onUpgrade: (request: IncomingMessage, client: Socket, first: Buffer) => void;
}

export interface Listener {
  readonly server: Server;
  readonly closeIdle: () => void;
  readonly cutAll: () => void;
}

/** A WebSocket or a stream of events may say nothing for so long. */
export const silenceMs = 3_600_000;
const keepAliveMs = 60_000;
const mostHeadBytes = 16 * 1024;
const mostFields = 100;

/** By HTTPS where `tls` says what visitors are shown, and then by HTTP/2 for who can. */
export function makeListener(
  { headMs = 10_000, mostConnections = 500, trustedProxies = [] }: ListenerLimits,
  taking: Taking,
  tls?: TlsContexts,
): Listener {
  const options: ServerOptions = {
    maxHeaderSize: mostHeadBytes,
    headersTimeout: headMs,
    connectionsCheckingInterval: Math.min(headMs, 5000),
    // Bodies may take as long as they take; a client that says nothing for an hour is gone.
    requestTimeout: 0,
    keepAliveTimeout: keepAliveMs,
    requireHostHeader: false,
    // What comes after it is HTTP/2 in the clear, which nobody behind here was asked for.
    shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() !== 'h2c',
  };
  const listener = tls === undefined ? plainListener(options, taking) : secureListener(options, taking, tls, headMs);
  const isTrusted = makeTrust(trustedProxies);
  const counts = new Map<string, number>();
  listener.server.on('connection', (socket: Socket) => {
    if (isTrusted(socket.remoteAddress)) return;
    const from = networkOf(socket.remoteAddress ?? '');
    const count = (counts.get(from) ?? 0) + 1;
    if (count > mostConnections) return void socket.destroy();
    counts.set(from, count);
    socket.once('close', () => {
      const left = (counts.get(from) ?? 1) - 1;
      if (left === 0) counts.delete(from);
      else counts.set(from, left);
    });
  });
  return listener;
}

function plainListener(options: ServerOptions, { onRequest, onUpgrade }: Taking): Listener {
  const server = createServer(options, onRequest).on('checkContinue', onRequest).on('upgrade', onUpgrade);
  server.maxHeadersCount = mostFields;
  server.setTimeout(silenceMs);
  return { server, closeIdle: () => server.closeIdleConnections(), cutAll: () => server.closeAllConnections() };
}

function secureListener(options: ServerOptions, { onRequest, onUpgrade }: Taking, tls: TlsContexts, headMs: number): Listener {
  const server = createSecureServer({
    allowHTTP1: true,
    http1Options: options,
    handshakeTimeout: headMs,
    maxHeaderListPairs: mostFields,
    settings: http2Settings,
    // What a server doubles is for the visitor to make sense of, as by HTTP/1.1.
    strictSingleValueFields: false,
    SNICallback: (serverName, done) => done(null, tls.for(serverName)),
  });
  // Of HTTP/1.1, and not among its options there.
  Object.assign(server, { shouldUpgradeCallback: options.shouldUpgradeCallback, maxHeadersCount: mostFields });
  keepSessions(server, { keepAliveMs, silenceMs });
  function take(asked: Http2ServerRequest | IncomingMessage, answer: Http2ServerResponse | ServerResponse): void {
    if (!(asked instanceof Http2ServerRequest)) return onRequest(asked, answer as ServerResponse);
    const { request, response } = asHttp1(asked, answer as Http2ServerResponse);
    onRequest(request, response);
  }
  server.on('request', take).on('checkContinue', take).on('upgrade', onUpgrade);
  tls.serve(server);
  // Failed handshakes are strangers' affair.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  const sockets = new Set<Socket>();
  server.on('secureConnection', (socket) => {
    socket.setTimeout(silenceMs);
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return {
    server,
    // There, and not among its types. Connections of HTTP/2 end by themselves once they were told.
    closeIdle: () => (server as unknown as Pick<HttpServer, 'closeIdleConnections'>).closeIdleConnections(),
    cutAll() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** A refusal is thrown. */
export async function listening(server: Server, at: ListenOptions): Promise<void> {
  server.listen(at);
  await once(server, 'listening');
}

/** What flows may go on for so long; then `cutFlows` and all connections end. */
export async function drain({ server, closeIdle, cutAll }: Listener, drainMs: number, cutFlows: () => void): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  const ending = new AbortController();
  const close = setInterval(closeIdle, 500);
  await Promise.race([closed, sleep(drainMs, undefined, { signal: ending.signal }).catch(() => {})]);
  ending.abort();
  clearInterval(close);
  cutFlows();
  cutAll();
}
