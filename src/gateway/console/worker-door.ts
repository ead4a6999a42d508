/**
 * A terminal lives in one worker, and its page may come back to another: that one hands the connection on, by a socket that only the gateway's own user may
 * open. The name of a session says whose it is.
 */
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, request as ask, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { clientAddressHeader } from '../../contract/portal.ts';
import { clientAddressOf } from '../http/behind-front.ts';

export interface HandedOn {
  readonly request: IncomingMessage;
  readonly client: Socket;
  readonly first: Buffer;
  readonly fromAddress: string;
}

/** What other workers hand on. */
export interface WorkerTakes {
  readonly connection: (connection: HandedOn) => void;
  readonly request: (request: IncomingMessage, response: ServerResponse, fromAddress: string) => void;
}

export interface WorkerDoor {
  /** This worker's, as session names begin with it. */
  readonly name: string;
  /** False: that session would be ours, or nobody's. `onGone`: the worker whose it was is there no more, and nothing has been answered. */
  handOn(session: string, connection: HandedOn, onGone: () => void): boolean;
  /** The same for a request and its answer. */
  passOn(session: string, request: IncomingMessage, response: ServerResponse, onGone: () => void): boolean;
  listen(takes: WorkerTakes): Promise<void>;
  close(): Promise<void>;
}

/** RFC 9110, section 7.6.1. */
const ofOneConnection = new Set(['connection', 'keep-alive', 'transfer-encoding']);

const ownerOf = (session: string) => /^(w\d{1,10})-/u.exec(session)?.[1];

export function makeWorkerDoor(dir: string, name = `w${process.pid}`): WorkerDoor {
  // Bodies may take as long as they take.
  const server = createServer({ requestTimeout: 0 });
  const pathOf = (worker: string) => join(dir, `${worker}.sock`);
  return {
    name,
    handOn(session, { request, client, first, fromAddress }, onGone) {
      const owner = ownerOf(session);
      if (owner === undefined || owner === name) return false;
      const other = connect(pathOf(owner));
      other.once('error', onGone);
      client.once('close', () => other.destroy());
      other.once('connect', () => {
        other.off('error', onGone);
        other.once('error', () => client.destroy());
        other.once('close', () => client.destroy());
        other.write(headOf(request, fromAddress), 'latin1');
        other.write(first);
        client.pipe(other);
        other.pipe(client);
      });
      return true;
    },
    passOn(session, request, response, onGone) {
      const owner = ownerOf(session);
      if (owner === undefined || owner === name) return false;
      const asked = ask({ socketPath: pathOf(owner), agent: false, method: request.method, path: request.url, headers: passedOn(request) });
      response.once('close', () => asked.destroy());
      asked.once('error', () => (response.headersSent ? response.destroy() : onGone()));
      asked.once('response', (told) => {
        const fields = Object.entries(told.headers).filter(([field]) => !ofOneConnection.has(field));
        response.writeHead(told.statusCode ?? 502, Object.fromEntries(fields));
        told.once('error', () => response.destroy());
        told.pipe(response);
      });
      request.pipe(asked);
      return true;
    },
    async listen(takes) {
      await rm(pathOf(name), { force: true });
      server.on('upgrade', (request: IncomingMessage, client: Socket, first: Buffer) => {
        takes.connection({ request, client, first, fromAddress: toldAddress(request) });
      });
      server.on('request', (request, response) => takes.request(request, response, toldAddress(request)));
      server.listen({ path: pathOf(name) });
      await once(server, 'listening');
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await rm(pathOf(name), { force: true });
    },
  };
}

/** Of a request whose head is read here: what `transfers.ts` looks at, in the words of HTTP/1.1. */
function passedOn(request: IncomingMessage) {
  const names = ['host', 'origin', 'sec-fetch-site', 'content-length', 'transfer-encoding'] as const;
  const fields = names.flatMap((name) => (request.headers[name] === undefined ? [] : ([[name, request.headers[name]]] as const)));
  return { ...Object.fromEntries(fields), [clientAddressHeader]: clientAddressOf(request) };
}

function toldAddress({ headers: { [clientAddressHeader]: told } }: IncomingMessage): string {
  return typeof told === 'string' ? told : '';
}

/** As it came, but for the address: what a client says of that is not passed on. */
function headOf({ method, url, rawHeaders }: IncomingMessage, fromAddress: string): string {
  const lines = [`${method} ${url} HTTP/1.1`];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2)
    if (rawHeaders[at]?.toLowerCase() !== clientAddressHeader) lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
  return `${[...lines, `${clientAddressHeader}: ${fromAddress}`].join('\r\n')}\r\n\r\n`;
}
