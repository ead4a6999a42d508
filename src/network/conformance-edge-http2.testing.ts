/** Both edges are to do the same for visitors who come by HTTP/2 (RFC 9113): servers are asked by HTTP/1.1. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { WebPorts } from '../core/web-origins.ts';
import type { WebRoute, WebState } from '../core/web-route.ts';
import { keepLocalCertificate, type LocalCertificate } from '../host/certificates/local-authority.ts';
import type { Edge } from './edge.ts';
import { type Backend, domain, makeBackend, type Mirrored, routeTo, stateOf, valuesOf } from './edge-room.testing.ts';

export interface SecureRoom extends AsyncDisposable {
  readonly edge: Edge;
  readonly ports: WebPorts;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

const answers: Readonly<Record<string, (asking: IncomingMessage, response: ServerResponse) => void>> = {
  '/endless': (_asking, response) => void response.write('begun\n'),
  '/large': (_asking, response) => void response.end(Buffer.alloc(20_000_000, 7)),
  '/doubled': (_asking, response) =>
    void response
      .writeHead(200, [
        'Set-Cookie',
        'a=1',
        'Set-Cookie',
        'b=2',
        'Connection',
        'X-Own',
        'X-Own',
        '1',
        'Keep-Alive',
        'timeout=9',
        'ETag',
        '"a"',
        'ETag',
        '"b"',
      ])
      .end(),
  '/trailed'(_asking, response) {
    response.writeEarlyHints({ link: ['</style.css>; rel=preload', '</own.js>; rel=preload'] });
    response.writeHead(200, { trailer: 'x-sum' }).write('a');
    response.addTrailers({ 'x-sum': '42' });
    response.end();
  },
  '/cut'(asking, response) {
    response.writeHead(200, asking.url === '/cut' ? {} : { 'content-length': 100 }).write('begun\n');
    setTimeout(() => response.destroy(), 50);
  },
  '/count'(asking, response) {
    let bytes = 0;
    asking.on('data', (piece: Buffer) => (bytes += piece.length)).on('end', () => response.end(String(bytes)));
  },
};

const own = `7.www.${domain}`;

/** `make` makes one with HTTP and HTTPS whose own name is `host.example`. */
export function edgeByHttp2(name: string, make: () => Promise<SecureRoom>, endsCutAnswersWhole: false | string = false): void {
  suite(`HTTP/2 by ${name}`, () => {
    let dir: string;
    let certificate: LocalCertificate;
    let room: SecureRoom;
    let seven: Backend;
    let session: ClientHttp2Session;
    const state = (...routes: readonly WebRoute[]): WebState => ({ ...stateOf(...routes), certificates: [certificate.certificate] });

    before(async () => {
      dir = await mkdtemp(join(tmpdir(), 'myserver-http2-'));
      certificate = await keepLocalCertificate(dir, ['host.example', `www.${domain}`, `*.www.${domain}`], Date.now());
      seven = await makeBackend(7, (asking, response) => {
        const answer = answers[asking.url?.split('?', 1)[0] ?? ''];
        answer?.(asking, response);
        return answer !== undefined;
      });
      room = await make();
      await room.edge.set(state(routeTo(7, seven)));
      session = open();
    });
    after(async () => {
      session.destroy();
      await room[Symbol.asyncDispose]();
      await seven[Symbol.asyncDispose]();
      await rm(dir, { recursive: true });
    });

    function open(): ClientHttp2Session {
      const opened = connect(`https://${own}`, {
        host: '127.0.0.1',
        port: room.ports.https ?? 0,
        servername: own,
        ca: certificate.authority,
      });
      opened.on('error', () => {});
      return opened;
    }

    function begin(path: string, headers: OutgoingHttpHeaders = {}, by = session): ClientHttp2Stream {
      return by.request({ ':authority': own, ...headers, ':path': path });
    }

    async function get(path: string, headers: OutgoingHttpHeaders = {}, body?: Buffer): Promise<Answer> {
      const stream = begin(path, headers);
      const begun = once(stream, 'response') as Promise<[IncomingHttpHeaders]>;
      stream.end(body);
      const [answer] = await begun;
      return { status: Number(answer[':status']), headers: answer, body: await buffer(stream) };
    }

    const mirrored = ({ body }: Answer) => JSON.parse(body.toString()) as Mirrored;

    test('both protocols are offered, and HTTP/1.1 is for who knows no other', async () => {
      for (const [offered, taken] of [
        [['h2', 'http/1.1'], 'h2'],
        [['http/1.1'], 'http/1.1'],
        [[], false],
      ] as const) {
        const socket: TLSSocket = connectTls({
          host: '127.0.0.1',
          port: room.ports.https ?? 0,
          servername: own,
          ca: certificate.authority,
          ALPNProtocols: [...offered],
        });
        await once(socket, 'secureConnect');
        assert.equal(socket.alpnProtocol, taken);
        socket.write(taken === 'h2' ? '' : `GET / HTTP/1.1\r\nHost: ${own}\r\nConnection: close\r\n\r\n`);
        if (taken !== 'h2') assert.match(String(await buffer(socket)), /^HTTP\/1\.1 200/u);
        socket.destroy();
      }
    });

    test('the server is asked by HTTP/1.1, with the host that was asked for and cookies in one field', async () => {
      const { head, url } = mirrored(await get('/a?b=1', { cookie: ['a=1', 'b=2'], 'x-own': 'yes' }));
      assert.equal(url, '/a?b=1');
      assert.deepEqual(valuesOf(head, 'host'), [own]);
      assert.deepEqual(valuesOf(head, 'cookie'), ['a=1; b=2']);
      assert.deepEqual(
        [valuesOf(head, 'x-own'), valuesOf(head, 'x-forwarded-proto'), valuesOf(head, 'x-forwarded-host')],
        [['yes'], ['https'], [own]],
      );
      assert.deepEqual(
        head.filter((text) => text.startsWith(':')),
        [],
      );
      assert.deepEqual([valuesOf(head, 'transfer-encoding'), valuesOf(head, 'x-forwarded-for')], [[], ['127.0.0.1']]);
    });

    test('below a prefix, too', async () => {
      const { head, url } = mirrored(await get('/www/7/a', { ':authority': `www.${domain}` }));
      assert.deepEqual([url, valuesOf(head, 'x-forwarded-prefix')], ['/a', ['/www/7']]);
    });

    test('bodies go both ways whole, with a length and without', async () => {
      const body = Buffer.alloc(5_000_000, 1);
      assert.equal(String((await get('/count', { ':method': 'POST' }, body)).body), '5000000');
      assert.equal(String((await get('/count', { ':method': 'POST', 'content-length': body.length }, body)).body), '5000000');
      assert.ok((await get('/large')).body.equals(Buffer.alloc(20_000_000, 7)));
      assert.equal(String((await get('/count', { ':method': 'POST' })).body), '0');
    });

    test('doubled fields stay doubled, and what is of one connection alone goes', async () => {
      const { headers } = await get('/doubled');
      assert.deepEqual(headers['set-cookie'], ['a=1', 'b=2']);
      assert.deepEqual([headers['keep-alive'], headers.connection], [undefined, undefined]);
    });

    test('early hints and trailers come through', async () => {
      const stream = begin('/trailed');
      const hints = once(stream, 'headers') as Promise<[IncomingHttpHeaders]>;
      const trailers = once(stream, 'trailers') as Promise<[IncomingHttpHeaders]>;
      stream.end();
      assert.deepEqual([(await hints)[0][':status'], (await hints)[0].link], [103, '</style.css>; rel=preload, </own.js>; rel=preload']);
      assert.equal(String(await buffer(stream)), 'a');
      assert.equal((await trailers)[0]['x-sum'], '42');
    });

    test('HEAD has no body, and a page of ours comes as a page', async () => {
      const head = await get('/', { ':method': 'HEAD' });
      assert.deepEqual([head.status, head.body.length], [200, 0]);
      const nobody = await get(
        '/www/77/',
        { ':method': 'POST', ':authority': `www.${domain}`, accept: 'application/json' },
        Buffer.from('left over'),
      );
      assert.equal(nobody.status, 404);
      assert.match(String(nobody.body), /"error"/u);
    });

    test('many at once go over one connection; a route that is taken away ends its own alone', async () => {
      await using eight = await makeBackend(8, (asking, response) => asking.url === '/endless' && response.write('begun\n'));
      await room.edge.set(state(routeTo(7, seven), routeTo(8, eight)));
      const streams = [begin('/endless'), begin('/endless', { ':authority': `8.www.${domain}` })] as const;
      const ends = streams.map(async (stream) => {
        const { promise, resolve } = Promise.withResolvers<number | undefined>();
        stream.on('error', () => {}).once('close', () => resolve(stream.rstCode));
        return await promise;
      });
      for (const stream of streams) {
        stream.on('error', () => {}).end();
        await once(stream.setEncoding('utf8'), 'data');
      }
      const all = await Promise.all(Array.from({ length: 50 }, async (_none, at) => mirrored(await get(`/${at}`)).url));
      assert.deepEqual(
        all,
        Array.from({ length: 50 }, (_none, at) => `/${at}`),
      );
      await room.edge.set(state(routeTo(7, seven)));
      await ends[1];
      assert.equal(streams[0].closed, false);
      streams[0].close(constants.NGHTTP2_CANCEL);
      await ends[0];
      assert.equal((await get('/after')).status, 200);
    });

    for (const [path, which, skip] of [
      ['/cut?length', 'of a length that was said', false],
      ['/cut', 'of no said length', endsCutAnswersWhole],
    ] as const)
      test(`an answer ${which} that the server breaks off is seen to be cut short`, { skip }, async () => {
        const stream = begin(path);
        stream
          .on('error', () => {})
          .resume()
          .end();
        const code = await new Promise((resolve) => stream.once('close', () => resolve(stream.rstCode)));
        assert.notEqual(code, constants.NGHTTP2_NO_ERROR);
      });

    test('a visitor who takes a request back is told to the server', async () => {
      const left = new Promise<void>((resolve) => seven.server.once('request', (_asking, response) => response.once('close', resolve)));
      const stream = begin('/endless');
      stream.on('error', () => {}).end();
      await once(stream, 'data');
      stream.close(constants.NGHTTP2_CANCEL);
      await left;
    });

    test('attack: a stream that its visitor resets, with whatever code, ends nothing but itself', async () => {
      for (const path of ['/endless', '/count', '/www/77/', '/large'])
        for (let code = 0; code <= 13; code += 1) {
          const by = open();
          const stream = begin(
            path,
            { ':method': path === '/count' ? 'POST' : 'GET', ':authority': path === '/www/77/' ? `www.${domain}` : own },
            by,
          );
          stream.on('error', () => {}).resume();
          if (path === '/count') stream.write('some');
          // Some before the answer has begun, some after it.
          await (code % 2 === 0 ? new Promise(setImmediate) : Promise.race([once(stream, 'response').catch(() => {}), sleep(50)]));
          stream.close(code);
          await new Promise((resolve) => (stream.closed ? setImmediate(resolve) : stream.once('close', resolve)));
          by.close();
        }
      assert.equal((await get('/after')).status, 200);
    });

    test('attack: an authority and a Host that differ, and an authority that is no name, reach nobody', async () => {
      const asked = seven.asked.length;
      for (const headers of [
        { ':authority': `www.${domain}`, host: own },
        { ':authority': `user@${own}` },
        { ':authority': `${own} x` },
        { ':authority': '' },
      ]) {
        const by = open();
        const stream = begin('/', headers, by);
        stream
          .on('error', () => {})
          .resume()
          .end();
        await new Promise((resolve) => stream.once('close', resolve));
        by.destroy();
      }
      assert.equal(seven.asked.length, asked);
    });

    test('attack: a length that does not fit, and a head that is too large, reach nobody whole', async () => {
      const asked = seven.asked.length;
      const long = begin('/', { 'x-long': 'a'.repeat(40_000) }, open());
      long.on('error', () => {}).end();
      const [first] = (await Promise.race([once(long, 'response'), once(long, 'close').then(() => [{ ':status': 0 }])]).catch(() => [
        { ':status': 0 },
      ])) as [IncomingHttpHeaders];
      assert.ok(Number(first[':status']) === 0 || Number(first[':status']) >= 400);
      assert.equal(seven.asked.length, asked);
      const short = begin('/count', { ':method': 'POST', 'content-length': 10 }, open());
      short.on('error', () => {}).end('abc');
      const answered = await Promise.race([
        once(short, 'response').then(([answer]) => Number((answer as IncomingHttpHeaders)[':status'])),
        once(short, 'close').then(() => 0),
      ]).catch(() => 0);
      assert.notEqual(answered, 200);
    });
  });
}
