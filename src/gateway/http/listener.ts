/** A listening HTTP server with the limits that strangers get (DESIGN.md, invariant 6). */
import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { networkOf } from '../../core/peer-address.ts';

export interface ListenerLimits {
  /** A client's head has to be there in this time; 10 s where nothing is said. */
  readonly headMs?: number;
  /** For one client's network; 500 where nothing is said. */
  readonly mostConnections?: number;
}

/** A WebSocket or a stream of events may say nothing for so long. */
export const silenceMs = 3_600_000;
const keepAliveMs = 60_000;
const mostHeadBytes = 16 * 1024;

export function makeListener({ headMs = 10_000, mostConnections = 500 }: ListenerLimits): Server {
  const server = createServer({
    maxHeaderSize: mostHeadBytes,
    headersTimeout: headMs,
    connectionsCheckingInterval: Math.min(headMs, 5000),
    // Bodies may take as long as they take; a client that says nothing for an hour is gone.
    requestTimeout: 0,
    keepAliveTimeout: keepAliveMs,
    requireHostHeader: false,
    // What comes after it is HTTP/2 in the clear, which nobody behind here was asked for.
    shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() !== 'h2c',
  });
  server.maxHeadersCount = 100;
  server.setTimeout(silenceMs);
  const counts = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
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
