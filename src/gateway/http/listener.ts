/** A listening HTTP server with the limits that strangers get (DESIGN.md, invariant 6). */
import { once } from 'node:events';
import { createServer, type Server, type ServerOptions } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { ListenOptions, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { networkOf } from '../../core/peer-address.ts';
import { makeTrust } from './behind-front.ts';
import type { TlsContexts } from './tls-contexts.ts';

export interface ListenerLimits {
  /** A client's head has to be there in this time; 10 s where nothing is said. */
  readonly headMs?: number;
  /** For one client's network; 500 where nothing is said. */
  readonly mostConnections?: number;
  /** Networks of proxies before us: not counted, and believed about their clients. */
  readonly trustedProxies?: readonly string[];
}

/** A WebSocket or a stream of events may say nothing for so long. */
export const silenceMs = 3_600_000;
const keepAliveMs = 60_000;
const mostHeadBytes = 16 * 1024;

/** By HTTPS where `tls` says what visitors are shown. */
export function makeListener({ headMs = 10_000, mostConnections = 500, trustedProxies = [] }: ListenerLimits, tls?: TlsContexts): Server {
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
  const server = tls === undefined ? createServer(options) : makeSecureServer(options, tls, headMs);
  server.maxHeadersCount = 100;
  server.setTimeout(silenceMs);
  const isTrusted = makeTrust(trustedProxies);
  const counts = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
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
  return server;
}

function makeSecureServer(options: ServerOptions, tls: TlsContexts, headMs: number): Server {
  const server = createSecureServer({
    ...options,
    handshakeTimeout: headMs,
    ALPNProtocols: ['http/1.1'],
    SNICallback: (serverName, done) => done(null, tls.for(serverName)),
  });
  tls.serve(server);
  // Failed handshakes are strangers' affair.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  return server;
}

/** A refusal is thrown. */
export async function listening(server: Server, at: ListenOptions): Promise<void> {
  server.listen(at);
  await once(server, 'listening');
}

/** What flows may go on for so long; then `cutAll` ends it. */
export async function drain(server: Server, drainMs: number, cutAll: () => void): Promise<void> {
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
