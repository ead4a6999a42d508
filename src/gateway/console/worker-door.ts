/**
 * A terminal lives in one worker, and its page may come back to another: that one hands the connection on, by a socket that only the gateway's own user may
 * open. The name of a session says whose it is.
 */
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { clientAddressHeader } from '../../contract/portal.ts';

export interface HandedOn {
  readonly request: IncomingMessage;
  readonly client: Socket;
  readonly first: Buffer;
  readonly fromAddress: string;
}

export interface WorkerDoor {
  /** This worker's, as session names begin with it. */
  readonly name: string;
  /** False: that session would be ours, or nobody's. `onGone`: the worker whose it was is there no more, and nothing has been answered. */
  handOn(session: string, connection: HandedOn, onGone: () => void): boolean;
  listen(onUpgrade: (connection: HandedOn) => void): Promise<void>;
  close(): Promise<void>;
}

const ownerOf = (session: string) => /^(w\d{1,10})-/u.exec(session)?.[1];

export function makeWorkerDoor(dir: string, name = `w${process.pid}`): WorkerDoor {
  const server = createServer((_request, response) => response.writeHead(404).end());
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
    async listen(onUpgrade) {
      await rm(pathOf(name), { force: true });
      server.on('upgrade', (request: IncomingMessage, client: Socket, first: Buffer) => {
        const told = request.headers[clientAddressHeader];
        onUpgrade({ request, client, first, fromAddress: typeof told === 'string' ? told : '' });
      });
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

/** As it came, but for the address: what a client says of that is not passed on. */
function headOf({ method, url, rawHeaders }: IncomingMessage, fromAddress: string): string {
  const lines = [`${method} ${url} HTTP/1.1`];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2)
    if (rawHeaders[at]?.toLowerCase() !== clientAddressHeader) lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
  return `${[...lines, `${clientAddressHeader}: ${fromAddress}`].join('\r\n')}\r\n\r\n`;
}
