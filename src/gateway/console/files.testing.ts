/** A folder of this machine behind an SSH server, whose files are OpenSSH's own sftp-server's, and the gateway's end of it with its transfers by HTTP. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import ssh2, { type Client, type Connection } from 'ssh2';
import { silentLog } from '../../base/log.ts';
import { makeKeyPair } from '../../control/host-key.ts';
import { limitPeer } from '../bastion/peer-limits.ts';
import { type FileDesk, makeFileDesk } from './file-desk.ts';
import { makeTransfers } from './transfers.ts';

const sftpServer = '/usr/lib/openssh/sftp-server';
export const lacksSftpServer = existsSync(sftpServer) ? false : 'needs openssh-sftp-server, which ./test installs';

export interface FilesRoom extends AsyncDisposable {
  readonly dir: string;
  readonly client: Client;
  readonly desk: FileDesk;
  readonly counted: { in: number; out: number };
  /** Of HTTP on the loopback. */
  readonly port: number;
  /** By HTTP from our own origin. */
  http(method: string, path: string, body?: string | Buffer, headers?: Readonly<Record<string, string>>): Promise<Answer>;
}

export interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  /** All has come. */
  readonly isWhole: boolean;
}

export interface FilesRoomOptions {
  /** Instead of OpenSSH's. */
  readonly onSftp?: (channel: Duplex) => void;
}

export async function makeFilesRoom({ onSftp = runSftpServer }: FilesRoomOptions = {}): Promise<FilesRoom> {
  await using undo = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'myserver-files-'));
  undo.defer(async () => await rm(dir, { recursive: true, force: true }));
  const server = new ssh2.Server({ hostKeys: [makeKeyPair('a server').privateKey.reveal()] }, (connection) =>
    letIn(connection, dir, onSftp),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  undo.defer(() => void server.close());
  const client = new ssh2.Client();
  client.on('error', () => {});
  client.connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, username: 'ada', password: 'any' });
  limitPeer(client);
  await once(client, 'ready');
  undo.defer(() => void client.end());

  const counted = { in: 0, out: 0 };
  const counter = { in: (bytes: number) => void (counted.in += bytes), out: (bytes: number) => void (counted.out += bytes) };
  const door = { name: 'w1', handOn: () => false, passOn: () => false, listen: async () => {}, close: async () => {} };
  const transfers = makeTransfers({ door, log: silentLog });
  const http = createServer((asked, response) => {
    if (!transfers.answer(asked, response, asked.url ?? '/')) response.writeHead(404).end();
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  undo.defer(() => {
    http.close();
    http.closeAllConnections();
  });
  const { port } = http.address() as AddressInfo;
  const kept = undo.move();
  return {
    dir,
    client,
    desk: makeFileDesk({ client, counter, transfers, hasShell: false }),
    counted,
    port,
    async http(method, path, body, headers = {}) {
      const asked = request({
        host: '127.0.0.1',
        port,
        path,
        method,
        agent: false,
        headers: { host: 'own', origin: 'https://own', ...headers },
      });
      asked.on('error', () => {});
      asked.end(body);
      const [answer] = (await once(asked, 'response')) as [IncomingMessage];
      const pieces: Buffer[] = [];
      let isWhole = true;
      try {
        for await (const piece of answer) pieces.push(piece as Buffer);
      } catch {
        isWhole = false;
      }
      return { status: answer.statusCode, headers: answer.headers, body: Buffer.concat(pieces), isWhole };
    },
    [Symbol.asyncDispose]: async () => await kept.disposeAsync(),
  };
}

function letIn(connection: Connection, dir: string, onSftp: (channel: Duplex) => void): void {
  connection.on('error', () => {});
  connection.on('authentication', (context) => context.accept());
  connection.on('session', (accept) => {
    const session = accept();
    session.on('subsystem', (take) => onSftp(take() as unknown as Duplex));
    session.on('exec', (take, _reject, { command }) => {
      const channel = take();
      const child = spawn('sh', ['-c', command], { cwd: dir, stdio: 'pipe' });
      channel.pipe(child.stdin);
      child.stdout.pipe(channel, { end: false });
      child.once('close', (code) => {
        channel.exit(code ?? 255);
        channel.end();
      });
    });
  });
}

function runSftpServer(channel: Duplex): void {
  const child = spawn(sftpServer, [], { stdio: ['pipe', 'pipe', 'ignore'] });
  channel.pipe(child.stdin);
  child.stdout.pipe(channel);
  channel.once('close', () => child.kill());
}
