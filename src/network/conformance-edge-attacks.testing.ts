/** What strangers, and whoever is root in a server, may try on every HTTP edge: each attack as a test. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, suite, test } from 'node:test';
import {
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

export function edgeAttacks(name: string, make: MakeEdge): void {
  suite(`attacks on ${name}`, () => {
    let made: EdgeUnderTest;
    let client: Client;
    let seven: Backend;
    let secret: Backend;
    before(async () => {
      made = await make();
      client = clientOf(made.port);
      seven = await makeBackend(7, (request, response) => {
        if (request.url !== '/cookies') return false;
        response.setHeader('set-cookie', [
          '__Host-myserver=stolen; Path=/; Secure',
          '__HOST-MYSERVER=stolen',
          '__Host-a=b; Path=/; Secure',
          'fine=1; Domain=pages.example',
        ]);
        response.end();
        return true;
      });
      secret = await makeBackend(8);
      await made.edge.set(stateOf(routeTo(7, seven), routeTo(8, secret, { policy: 'off' })));
    });
    after(async () => {
      await made[Symbol.asyncDispose]();
      await seven[Symbol.asyncDispose]();
      assert.deepEqual(secret.asked, [], 'nobody ever reaches the port that is off');
      await secret[Symbol.asyncDispose]();
    });

    /** One connection, one answer, and nothing of it seen by the server. */
    async function isRefused(bytes: string, status: RegExp = /^HTTP\/1\.[01] 4\d\d /u): Promise<void> {
      const askedBefore = seven.asked.length;
      const said = await client.say(bytes);
      assert.match(said, status);
      assert.equal(said.match(/HTTP\/1\.[01] \d\d\d /gu)?.length, 1, said);
      assert.equal(seven.asked.length, askedBefore, 'the server was asked');
    }

    test('request smuggling: two lengths, a length that is none', async () => {
      const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n';
      await isRefused(`POST /www/7/ HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`);
      for (const length of ['+4', '-1', '0x4', '4,5', ' '])
        await isRefused(`POST /www/7/ HTTP/1.1\r\nHost: h\r\nContent-Length: ${length}\r\n\r\n${smuggled}`);
    });

    test('request smuggling: a length and pieces at once are refused, or the pieces hold, the length goes and the connection ends (RFC 9112, section 6.3)', async () => {
      const said = await client.say(
        'POST /www/7/ HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n',
      );
      assert.equal(said.match(/HTTP\/1\.[01] \d\d\d /gu)?.length, 1, said);
      assert.doesNotMatch(said, /\["content-length"|"content-length","4"/u);
      assert.equal(seven.asked.filter((line) => line.includes('smuggled')).length, 0);
    });

    test('request smuggling: pieces that are none, and encodings beside them', async () => {
      for (const encoding of ['chunked, identity', 'xchunked', 'chunked\x0b', 'identity, chunked, gzip'])
        await isRefused(
          `POST /www/7/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: ${encoding}\r\nConnection: close\r\n\r\n0\r\n\r\n`,
          /^HTTP\/1\.[01] [45]\d\d /u,
        );
      const said = await client.say(
        'POST /www/7/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n',
      );
      assert.doesNotMatch(said, / 200 /u);
      assert.equal(seven.asked.filter((line) => line.includes('smuggled')).length, 0);
    });

    test('header injection: a folded line is refused or made one line (RFC 9112, section 5.2)', async () => {
      const said = await client.say('GET /www/7/ HTTP/1.1\r\nHost: h\r\nX-A: b\r\n X-B: c\r\nConnection: close\r\n\r\n');
      assert.match(said, /^HTTP\/1\.1 400 |"x-a","b +X-B: c"/u);
    });

    test('header injection: a blank before the colon, bare line ends and zero bytes are refused', async () => {
      for (const line of ['X-A : b', 'X-A: b\rX-B: c', 'X-A: b\0c', ': x', 'X A: b'])
        await isRefused(`GET /www/7/ HTTP/1.1\r\nHost: h\r\n${line}\r\nConnection: close\r\n\r\n`);
    });

    test('an open proxy: absolute addresses of others, CONNECT and TRACE are refused', async () => {
      await isRefused('GET http://192.0.2.1/ HTTP/1.1\r\nHost: 192.0.2.1.example\r\nConnection: close\r\n\r\n');
      await isRefused('GET http://127.0.9.8/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n');
      await isRefused('GET ftp://h/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n');
      await isRefused('GET www/7/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n');
      await isRefused('TRACE /www/7/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n');
      const socket = await client.open();
      socket.write('CONNECT 127.0.9.8:80 HTTP/1.1\r\nHost: 127.0.9.8:80\r\n\r\n');
      socket.on('error', () => {});
      let said = '';
      socket.setEncoding('latin1').on('data', (piece: string) => (said += piece));
      await Promise.race([once(socket, 'close'), once(socket, 'data')]);
      assert.doesNotMatch(said, / 200 /u);
      socket.destroy();
    });

    test('an absolute address of our own means what its path means', async () => {
      const said = await client.say('GET http://h/www/7/own HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n');
      assert.match(said, /"url":"\/own"/u);
    });

    test('a Host that is doubled, missing, or no name is refused', async () => {
      await isRefused('GET /www/7/ HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n');
      await isRefused('GET /www/7/ HTTP/1.1\r\nConnection: close\r\n\r\n');
      for (const host of ['a/b', 'a b', 'a@b', 'a"b', 'a,b', 'a\\b', '<a>'])
        await isRefused(`GET /www/7/ HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    });

    test('Host confusion: no spelling of a name or a path reaches the port that is off, or a server below another’s name', async () => {
      const hosts = [
        `8.www.${domain}`,
        `8.www.${domain}.`,
        `8.WWW.${domain.toUpperCase()}:1`,
        `08.www.${domain}`,
        `7.8.www.${domain}`,
        `8.www.${domain}:80:80`,
      ];
      for (const host of hosts) assert.ok((await client.get('/', { headers: { host } })).status >= 400, host);
      for (const path of [
        '/www/8/',
        '/www/8',
        '/www/7/../8/',
        '/www//8/',
        '/www/7/..%2f8/',
        '/%77ww/8/',
        '/www/8%2f',
        '/www/8;/',
        '/www\\8/',
      ])
        await client.get(path);
      assert.deepEqual(secret.asked, []);
    });

    test('a head that is too large, in one field or in many, is refused in words', async () => {
      await isRefused(`GET /www/7/ HTTP/1.1\r\nHost: h\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`, /^HTTP\/1\.[01] (?:400|431) /u);
      await isRefused(
        `GET /www/7/${'a'.repeat(9000)} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`,
        /^HTTP\/1\.[01] (?:400|414|431) /u,
      );
    });

    test('slowloris: a head that does not end is not waited for', async () => {
      const socket = await client.open();
      socket.on('error', () => {});
      socket.write('GET /www/7/ HTTP/1.1\r\nHost: h\r\n');
      const drip = setInterval(() => socket.write('X-A: b\r\n'), 100);
      socket.resume();
      await once(socket, 'close');
      clearInterval(drip);
    });

    test('posing as the gateway: what only we say is taken out of what clients say', async () => {
      const headers = {
        'x-forwarded-for': '203.0.113.9',
        'x-forwarded-host': 'evil.example',
        'x-forwarded-prefix': '/evil',
        'x-real-ip': '203.0.113.9',
        forwarded: 'for=203.0.113.9',
        'x-myserver-identity': 'forged',
        'x-myserver-person': 'admin',
        'x-myserver-listener': 'https',
        'x-myserver-failure': 'refused',
      };
      const { head } = mirrored(await client.get('/www/7/', { headers }));
      assert.deepEqual(valuesOf(head, 'x-forwarded-for'), ['127.0.0.1']);
      assert.deepEqual(valuesOf(head, 'x-forwarded-prefix'), ['/www/7']);
      assert.doesNotMatch(head.join('\n'), /evil|forged|203\.0\.113|x-myserver/iu);
    });

    test('Connection takes out nothing that we say, nor the host or the end of a request', async () => {
      const connection = 'close, x-forwarded-for, x-forwarded-prefix, host, content-length';
      const { head, body } = mirrored(
        await client.get('/www/7/', { method: 'POST', headers: { connection, 'content-length': '4' }, body: 'four' }),
      );
      assert.deepEqual(valuesOf(head, 'x-forwarded-for'), ['127.0.0.1']);
      assert.deepEqual(valuesOf(head, 'x-forwarded-prefix'), ['/www/7']);
      assert.equal(body, 'four');
    });

    test('cookie tossing: a server sets no cookie of ours, none for our whole name and none for a neighbour', async () => {
      assert.deepEqual((await client.get('/www/7/cookies')).headers['set-cookie'], ['fine=1; Path=/www/7/']);
      const own = await client.get('/cookies', { headers: { host: `7.www.${domain}` } });
      assert.deepEqual(own.headers['set-cookie'], ['__Host-a=b; Path=/; Secure', 'fine=1']);
    });

    test('an address outside the servers’ network is never connected to, whatever the state says', async () => {
      const outside = { ...routeTo(9, seven), address: '127.0.0.1' };
      await made.edge.set(stateOf(routeTo(7, seven), outside, routeTo(8, secret, { policy: 'off' })));
      const { status, body } = await client.get('/www/9/');
      assert.equal(status, 504, body);
    });
  });
}
