/** What every HTTP edge must do: each promise of `edge.ts` and of RFC 9110 to 9112 that visitors meet, as a test. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { text } from 'node:stream/consumers';
import {
  answerMs,
  type Backend,
  type Client,
  clientOf,
  domain,
  type EdgeUnderTest,
  makeBackend,
  type MakeEdge,
  mirrored,
  routeTo,
  stateOf,
  valuesOf,
} from './edge-room.testing.ts';

const bigBytes = 16 * 2 ** 20;

export function edgeConformance(name: string, make: MakeEdge): void {
  suite(`${name} conforms to Edge`, () => {
    let made: EdgeUnderTest;
    let client: Client;
    let seven: Backend;
    let eight: Backend;
    const live = new Set<ServerResponse>();
    before(async () => {
      made = await make();
      client = clientOf(made.port);
      seven = await makeBackend(7, (request, response) => answerOfSeven(request, response, live));
      eight = await makeBackend(8);
    });
    after(async () => {
      await made[Symbol.asyncDispose]();
      await seven[Symbol.asyncDispose]();
      await eight[Symbol.asyncDispose]();
    });
    const routes = () => [routeTo(7, seven), routeTo(8, eight, { door: 'usr' })];
    const serve = async () => await made.edge.set(stateOf(...routes()));

    test('before it was told anything, nobody is served and it matches nothing', async () => {
      assert.equal(await made.edge.matches(stateOf(...routes())), false);
      const { status, headers } = await client.get('/www/7/');
      assert.equal(status, 503);
      assert.equal(headers['retry-after'], '1');
    });

    test('a path below a door and an ID reaches that port with the rest of the path', async () => {
      await serve();
      assert.equal(await made.edge.matches(stateOf(...routes())), true);
      assert.equal(await made.edge.matches(stateOf()), false);
      const { id, url } = mirrored(await client.get('/www/7/a%2Fb/?q=/usr/8/'));
      assert.deepEqual({ id, url }, { id: 7, url: '/a%2Fb/?q=/usr/8/' });
      assert.equal(mirrored(await client.get('/usr/8/')).id, 8);
    });

    test('a name of one server’s one port reaches it with the whole path', async () => {
      const { id, url } = mirrored(await client.get('/www/8/x', { headers: { host: `7.www.${domain}:1234` } }));
      assert.deepEqual({ id, url }, { id: 7, url: '/www/8/x' });
    });

    test('without the slash behind the ID, people are sent on with their query', async () => {
      const { status, headers } = await client.get('/www/7?a=1');
      assert.deepEqual({ status, location: headers.location }, { status: 308, location: '/www/7/?a=1' });
    });

    test('who asks, for which host, and below which prefix is told to the server', async () => {
      const { head } = mirrored(await client.get('/www/7/', { headers: { host: 'shown.example:81' } }));
      assert.deepEqual(valuesOf(head, 'host'), ['shown.example:81']);
      assert.deepEqual(valuesOf(head, 'x-forwarded-for'), ['127.0.0.1']);
      assert.deepEqual(valuesOf(head, 'x-forwarded-proto'), ['http']);
      assert.deepEqual(valuesOf(head, 'x-forwarded-host'), ['shown.example:81']);
      assert.deepEqual(valuesOf(head, 'x-forwarded-prefix'), ['/www/7']);
      assert.deepEqual(valuesOf(head, 'forwarded'), ['for=127.0.0.1;proto=http']);
    });

    test('addresses and cookies that the server gives out come back below its prefix', async () => {
      const { headers } = await client.get('/www/7/addresses', { headers: { host: 'shown.example' } });
      assert.equal(headers.location, '/www/7/next');
      assert.equal(headers['content-location'], 'http://shown.example/www/7/here');
      assert.equal(headers['refresh'], '5; url=/www/7/later');
      assert.equal(headers['link'], '</www/7/style.css>; rel=preload, <https://other.example/x>; rel=next');
      assert.deepEqual(headers['set-cookie'], ['a=1; HttpOnly; Path=/www/7/', 'b=2; Path=/www/7/sub']);
    });

    test('what would reach beyond the server that says it is taken out', async () => {
      const { headers } = await client.get('/www/7/addresses');
      for (const gone of [
        'service-worker-allowed',
        'clear-site-data',
        'strict-transport-security',
        'alt-svc',
        'nel',
        'reporting-endpoints',
      ])
        assert.equal(headers[gone], undefined, gone);
      assert.equal(headers['x-kept'], 'yes');
    });

    test('HEAD, 204, 304 and a range come through as the server says them', async () => {
      assert.deepEqual(await statusAndLength(client, '/www/7/status/200', 'HEAD'), [200, '5', '']);
      assert.deepEqual(await statusAndLength(client, '/www/7/status/204'), [204, undefined, '']);
      assert.equal((await client.get('/www/7/status/304')).status, 304);
      const { status, headers, body } = await client.get('/www/7/status/206', { headers: { range: 'bytes=1-2' } });
      assert.deepEqual([status, headers['content-range'], body], [206, 'bytes 1-2/5', 'el']);
    });

    test('a big body goes both ways whole, by length and in pieces', async () => {
      const bytes = randomBytes(bigBytes);
      const wanted = createHash('sha256').update(bytes).digest('hex');
      for (const headers of [{ 'content-length': String(bytes.length) }, { 'transfer-encoding': 'chunked' }]) {
        const asking = client.begin('/www/7/echo', { method: 'POST', headers });
        asking.end(bytes);
        const [answer] = (await once(asking, 'response')) as [IncomingMessage];
        const hash = createHash('sha256');
        for await (const piece of answer) hash.update(piece as Buffer);
        assert.equal(hash.digest('hex'), wanted);
      }
    });

    test('what the server says piece by piece arrives piece by piece', async () => {
      const asking = client.begin('/www/7/events');
      asking.end();
      const [answer] = (await once(asking, 'response')) as [IncomingMessage];
      const [first] = (await once(answer, 'data')) as [Buffer];
      assert.equal(String(first), 'data: 1\n\n');
      for (const response of live) response.end('data: 2\n\n');
      const [second] = (await once(answer, 'data')) as [Buffer];
      assert.equal(String(second), 'data: 2\n\n');
    });

    test('a body is sent only once the server says that it wants it', async () => {
      const asking = client.begin('/www/7/echo', { method: 'POST', headers: { expect: '100-continue', 'content-length': '4' } });
      asking.flushHeaders();
      await once(asking, 'continue');
      asking.end('four');
      const [answer] = (await once(asking, 'response')) as [IncomingMessage];
      assert.equal(await text(answer), 'four');
    });

    test('early hints and trailers of both sides come through', async () => {
      const early = once(beginEnded(client, '/www/7/early'), 'information') as Promise<[{ statusCode: number }]>;
      assert.equal((await early)[0].statusCode, 103);
      const said = await client.say(
        'POST /www/7/mirror HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\nConnection: close\r\n\r\n2\r\nok\r\n0\r\nx-sum: 12\r\n\r\n',
      );
      assert.match(said, /"trailers":\{"x-sum":"12"\}/u);
      assert.match(
        await client.say('GET /www/7/trailers HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nConnection: close\r\n\r\n'),
        /\r\nx-sum: 34\r\n\r\n$/iu,
      );
    });

    test('a connection becomes another protocol when the server agrees, and carries bytes both ways until one side ends', async () => {
      seven.server.removeAllListeners('upgrade');
      seven.server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
        socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-Url: ${request.url}\r\n\r\nhello`);
        socket.pipe(socket);
      });
      const socket = await client.open();
      socket.setEncoding('latin1');
      let said = '';
      socket.on('data', (piece: string) => (said += piece));
      socket.write('GET /www/7/ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nfirst');
      await until(() => said.endsWith('hellofirst'));
      assert.match(said, /^HTTP\/1\.1 101 [\s\S]*x-url: \/ws\r\n/iu);
      socket.end('last');
      await once(socket, 'close');
      assert.ok(said.endsWith('hellofirstlast'), said);
    });

    test('a server that refuses to change the protocol is heard', async () => {
      const asking = client.begin('/usr/8/', { headers: { connection: 'Upgrade', upgrade: 'echo' } });
      asking.end();
      const [answer] = (await once(asking, 'response')) as [IncomingMessage];
      assert.equal(answer.statusCode, 200);
    });

    test('nobody’s ID, a port that is off and a stopped server each have a page that says so, and JSON for programs', async () => {
      await made.edge.set(
        stateOf(
          routeTo(7, seven, { policy: 'off' }),
          routeTo(8, eight, { door: 'usr', isUp: false }),
          routeTo(8, eight, { policy: 'shared' }),
        ),
      );
      const askedBefore = seven.asked.length + eight.asked.length;
      const codes = async (path: string) => {
        const page = await client.get(path, { headers: { accept: 'text/html' } });
        assert.match(page.headers['content-type'] ?? '', /^text\/html/u);
        assert.equal(page.headers['cache-control'], 'no-store');
        const { error } = JSON.parse((await client.get(path, { headers: { accept: 'application/json' } })).body) as {
          error: { code: string };
        };
        return [page.status, error.code];
      };
      assert.deepEqual(await codes('/www/9/'), [404, 'no-such-server']);
      assert.deepEqual(await codes('/www/7/'), [403, 'not-public']);
      assert.deepEqual(await codes('/www/8/'), [403, 'not-public']);
      assert.deepEqual(await codes('/usr/8/'), [503, 'server-stopped']);
      assert.equal(seven.asked.length + eight.asked.length, askedBefore);
      await serve();
    });

    test('a refused port, a slow program and a broken one each have a page that says which', async () => {
      const free = await makeBackend(7);
      await free[Symbol.asyncDispose]();
      await made.edge.set(stateOf(...routes(), routeTo(7, free, { door: 'usr' })));
      const code = async (path: string) => {
        const { status, body } = await client.get(path, { headers: { accept: 'application/json' } });
        return [status, (JSON.parse(body) as { error: { code: string } }).error.code];
      };
      assert.deepEqual(await code('/usr/7/'), [502, 'nobody-listens']);
      assert.deepEqual(await code('/www/7/never'), [504, 'no-answer']);
      assert.deepEqual(await code('/www/7/broken'), [502, 'broken-answer']);
      await serve();
    });

    test('an answer that is cut short is seen to be cut short', async () => {
      const asking = client.begin('/www/7/cut');
      asking.end();
      const [answer] = (await once(asking, 'response')) as [IncomingMessage];
      await assert.rejects(text(answer));
    });

    test('a visitor who still sends sees the answer that did not wait for the rest', async () => {
      for (const [path, status] of [
        ['/www/7/full', 413],
        ['/www/77/', 404],
      ] as const) {
        const socket = await client.open();
        let said = '';
        socket.on('data', (piece: Buffer) => (said += String(piece))).on('error', () => {});
        const all = 8_000_000;
        socket.write(`POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Length: ${all}\r\n\r\n`);
        for (let sent = 0; sent < all; sent += 100_000) {
          if (!socket.write(Buffer.alloc(100_000))) await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
          assert.equal(socket.destroyed, false, `hung up on after ${sent} bytes: ${said.slice(0, 50)}`);
        }
        while (said === '') await once(socket, 'data');
        assert.match(said, new RegExp(`^HTTP/1\\.[01] ${status} `, 'u'));
        socket.destroy();
      }
    });

    test('a visitor who leaves is told to the server', async () => {
      live.clear();
      const asking = client.begin('/www/7/events');
      asking.end();
      await once(asking, 'response');
      const [response] = live;
      const gone = once(response ?? assert.fail('nothing flows'), 'close');
      asking.destroy();
      await gone;
    });

    test('a route that is taken away ends what flows through it at once, and nothing else', async () => {
      live.clear();
      const asking = client.begin('/www/7/events');
      asking.end();
      const [answer] = (await once(asking, 'response')) as [IncomingMessage];
      answer.resume();
      const ended = once(answer, 'error');
      await made.edge.set(stateOf(...routes().slice(1)));
      await ended;
      assert.equal((await client.get('/www/7/')).status, 404);
      assert.equal((await client.get('/usr/8/')).status, 200);
      await serve();
      assert.equal((await client.get('/www/7/')).status, 200);
    });

    test('who has an ID anew is asked anew: no connection of the former one is used', async () => {
      assert.equal(mirrored(await client.get('/www/7/mirror')).id, 7);
      const next = await makeBackend(9);
      await made.edge.set(stateOf(routeTo(7, next, { generation: routeTo(9, next).generation })));
      assert.equal(mirrored(await client.get('/www/7/mirror')).id, 9);
      await serve();
      await next[Symbol.asyncDispose]();
    });
  });
}

function answerOfSeven(request: IncomingMessage, response: ServerResponse, live: Set<ServerResponse>): boolean {
  const [, word = '', argument = ''] = /^\/([a-z]+)(?:\/(\w+))?/u.exec(request.url ?? '') ?? [];
  switch (word) {
    case 'addresses':
      response.writeHead(201, addresses);
      response.end();
      return true;
    case 'status':
      response.writeHead(
        Number(argument),
        argument === '206' ? { 'content-range': 'bytes 1-2/5' } : argument === '200' ? { 'content-length': 5 } : {},
      );
      response.end(argument === '206' ? 'el' : argument === '200' ? 'hello' : undefined);
      return true;
    case 'echo':
      request.pipe(response);
      return true;
    case 'events':
      live.add(response);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: 1\n\n');
      return true;
    case 'early':
      response.writeEarlyHints({ link: '</x.css>; rel=preload' });
      response.end();
      return true;
    case 'trailers':
      response.writeHead(200, { trailer: 'x-sum' });
      response.addTrailers({ 'x-sum': '34' });
      response.end('body');
      return true;
    case 'never':
      setTimeout(() => response.destroy(), answerMs * 3).unref();
      return true;
    case 'broken':
      request.socket.end('what is this\r\n\r\n');
      return true;
    case 'full':
      response.writeHead(413, { 'content-length': 0 }).end();
      request.resume();
      return true;
    case 'cut':
      response.writeHead(200, { 'content-length': 100 });
      response.write('some');
      setTimeout(() => response.destroy(), 50);
      return true;
    default:
      return false;
  }
}

const addresses = {
  location: '/next',
  'content-location': 'http://shown.example/here',
  refresh: '5; url=/later',
  link: '</style.css>; rel=preload, <https://other.example/x>; rel=next',
  'set-cookie': ['a=1; Domain=example; HttpOnly', 'b=2; Path=/sub; domain=.shown.example'],
  'service-worker-allowed': '/',
  'clear-site-data': '"*"',
  'strict-transport-security': 'max-age=1; includeSubDomains',
  'alt-svc': 'h2="evil.example:443"',
  nel: '{}',
  'reporting-endpoints': 'a="https://evil.example"',
  'x-kept': 'yes',
};

async function statusAndLength(client: Client, path: string, method = 'GET') {
  const { status, headers, body } = await client.get(path, { method });
  return [status, headers['content-length'], body];
}

function beginEnded(client: Client, path: string) {
  const asking = client.begin(path);
  asking.on('response', (answer) => answer.resume());
  asking.end();
  return asking;
}

async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; !isSo(); tries += 1) {
    if (tries === 500) assert.fail('it did not come to that');
    await sleep(10);
  }
}
