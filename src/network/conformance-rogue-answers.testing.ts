/** Whoever is root in a server may answer anything: each strange answer as a test, by HTTP/1.1 and HTTP/2, after which the edge goes on. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { AddressInfo } from 'node:net';
import { keepLocalCertificate } from '../host/certificates/local-authority.ts';
import type { SecureRoom } from './conformance-edge-http2.testing.ts';
import { clientOf, domain, makeBackend, routeTo, stateOf } from './edge-room.testing.ts';

const own = `7.www.${domain}`;
const body = 'Content-Length: 2\r\n\r\nhi';

const answers: Readonly<Record<string, string>> = {
  'a status of 0': `HTTP/1.1 000 None\r\n${body}`,
  'a status below 100': `HTTP/1.1 099 Low\r\n${body}`,
  'a status above 599': `HTTP/1.1 999 High\r\n${body}`,
  'a change of protocol that nobody asked for': 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhi',
  'early answers without end': `${'HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n'.repeat(50)}HTTP/1.1 200 OK\r\n${body}`,
  'early hints that are none': `HTTP/1.1 103 Early Hints\r\nLink: a\x01b\r\nLink: <\r\n\r\nHTTP/1.1 200 OK\r\n${body}`,
  'early hints that are no links': `HTTP/1.1 103 Early Hints\r\nLink: <\r\nLink: a, <b>; x\r\nLink:\r\n\r\nHTTP/1.1 200 OK\r\n${body}`,
  'control characters in its reason': `HTTP/1.1 200 O\x01K\x7f\r\n${body}`,
  'letters of no alphabet in its reason': `HTTP/1.1 200 \xff\xfe\r\n${body}`,
  'control characters in a field': `HTTP/1.1 200 OK\r\nX-A: a\x01b\r\n${body}`,
  'fields of HTTP/2 alone': `HTTP/1.1 200 OK\r\nTE: gzip\r\nHTTP2-Settings: AAAA\r\nProxy-Connection: close\r\nUpgrade: h2c\r\n${body}`,
  'a pseudo-header field': `HTTP/1.1 200 OK\r\n:status: 500\r\n${body}`,
  'fields twice that may be there once': `HTTP/1.1 200 OK\r\nETag: "a"\r\nETag: "b"\r\nContent-Type: a/b\r\nContent-Type: c/d\r\nLocation: /a\r\nLocation: /b\r\n${body}`,
  'an address that is none': `HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nRefresh: 0;url=\\\\x\r\nLink: <\r\nContent-Location: ::\r\n${body}`,
  'trailers that are heads':
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n2\r\nhi\r\n0\r\nContent-Length: 9\r\n:status: 1\r\nSet-Cookie: a=b\r\n\r\n',
  'trailers twice': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nETag: a\r\nETag: b\r\n\r\n',
  'a body where none may be': `HTTP/1.1 204 No Content\r\n${body}`,
  'two answers': `HTTP/1.1 200 OK\r\n${body}HTTP/1.1 200 OK\r\n${body}`,
  'no HTTP at all': 'SSH-2.0-OpenSSH_9.2\r\n',
};

export function rogueAnswers(name: string, make: () => Promise<SecureRoom>): void {
  suite(`rogue answers through ${name}`, () => {
    let dir: string;
    let authority: string;
    let room: SecureRoom;
    let said = '';
    const rogue = createServer((socket) => {
      socket.on('error', () => {}).once('data', () => socket.write(said, 'latin1', () => setTimeout(() => socket.destroy(), 100)));
    });

    before(async () => {
      dir = await mkdtemp(join(tmpdir(), 'myserver-rogue-'));
      const local = await keepLocalCertificate(dir, ['host.example', `www.${domain}`, `*.www.${domain}`], Date.now());
      ({ authority } = local);
      rogue.listen(0, '127.0.9.7');
      await once(rogue, 'listening');
      room = await make();
      const { port } = rogue.address() as AddressInfo;
      await room.edge.set({ ...stateOf(routeTo(7, { address: '127.0.9.7', port })), certificates: [local.certificate] });
    });
    after(async () => {
      await room[Symbol.asyncDispose]();
      rogue.close();
      await rm(dir, { recursive: true });
    });

    async function byHttp1(path: string, host: string): Promise<string> {
      return await clientOf(room.ports.http ?? 0).say(
        `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAccept: text/html\r\nConnection: close\r\n\r\n`,
      );
    }

    async function asUpgrade(): Promise<void> {
      const head = `Host: ${own}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==`;
      const socket = await clientOf(room.ports.http ?? 0).open();
      socket.write(`GET / HTTP/1.1\r\n${head}\r\n\r\n`);
      await new Promise<unknown>((resolve) =>
        socket
          .once('data', resolve)
          .once('close', resolve)
          .on('error', () => {}),
      );
      socket.destroy();
    }

    async function byHttp2(): Promise<void> {
      const session = connect(`https://${own}`, { host: '127.0.0.1', port: room.ports.https ?? 0, servername: own, ca: authority });
      session.on('error', () => {});
      const stream = session.request({ ':path': '/' });
      stream.on('error', () => {}).resume();
      await new Promise((resolve) => stream.once('close', resolve));
      session.destroy();
    }

    for (const [what, answer] of Object.entries(answers))
      test(`attack: ${what}`, async () => {
        said = answer;
        await byHttp1('/', own);
        // Through the repair of pages, too.
        await byHttp1('/www/7/', 'host.example');
        await asUpgrade();
        await byHttp2();
      });

    test('after all that it goes on', async () => {
      await using seven = await makeBackend(7);
      await room.edge.set(stateOf(routeTo(7, seven)));
      assert.equal((await clientOf(room.ports.http ?? 0).get('/www/7/')).status, 200);
    });
  });
}
