import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { after, before, suite, test } from 'node:test';
import { Script } from 'node:vm';
import { createGzip, gzipSync } from 'node:zlib';
import { silentLog } from '../../../base/log.ts';
import { type Backend, type Client, clientOf, makeBackend, network, routeTo, stateOf } from '../../../network/edge-room.testing.ts';
import { noDesk } from '../desk.testing.ts';
import { type HttpEdge, makeHttpEdge } from '../http-edge.ts';
import { repairScriptPath } from './browser.ts';

const page = '<html><head></head><a href="/x">';
const asBrowser = { 'sec-fetch-dest': 'document', accept: 'text/html' };

suite('pages below a prefix', () => {
  let edge: HttpEdge;
  let client: Client;
  let seven: Backend;
  const asked: IncomingMessage['headers'][] = [];
  before(async () => {
    seven = await makeBackend(7, (request, response) => {
      asked.push(request.headers);
      const [, word = ''] = /^\/([a-z]+)/u.exec(request.url ?? '') ?? [];
      switch (word) {
        case 'page':
          response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-length': page.length, etag: '"e"' }).end(page);
          return true;
        case 'packed':
          response.writeHead(200, { 'content-type': 'text/html', 'content-encoding': 'gzip' }).end(gzipSync(page));
          return true;
        case 'bomb': {
          response.writeHead(200, { 'content-type': 'text/html', 'content-encoding': 'gzip' });
          const zip = createGzip({ level: 9 });
          zip.pipe(response);
          const zeros = Buffer.alloc(2 ** 20, 'a');
          for (let each = 0; each < 200; each += 1) zip.write(zeros);
          zip.end();
          return true;
        }
        case 'fixed':
          response.writeHead(200, { 'content-type': 'text/html', 'cache-control': 'no-transform' }).end(page);
          return true;
        case 'script':
          response.writeHead(200, { 'content-type': 'text/javascript' }).end('fetch("/x")');
          return true;
        case 'part':
          response.writeHead(206, { 'content-type': 'text/html', 'content-range': 'bytes 0-3/10' }).end('<a h');
          return true;
        case 'slow':
          response.writeHead(200, { 'content-type': 'text/html' });
          response.write('<html><head></head><p>');
          return true;
        default:
          return false;
      }
    });
    edge = makeHttpEdge({
      origins: { publicHost: 'h', domain: 'pages.example', ports: { http: 80, https: undefined, content: undefined }, isHttpsOnly: false },
      network,
      listen: { host: '127.0.0.1', ports: { http: 0, https: undefined, content: undefined } },
      desk: noDesk,
      answerMs: 1000,
      drainMs: () => 0,
      log: silentLog,
    });
    await edge.start();
    client = clientOf(edge.ports().http ?? 0);
    await edge.set(stateOf(routeTo(7, seven), routeTo(8, seven)));
  });
  after(async () => {
    await edge.stop();
    await seven[Symbol.asyncDispose]();
  });

  const asDocument = async (path: string, headers: Record<string, string> = {}) =>
    await client.get(path, { headers: { ...asBrowser, ...headers } });

  test('a page for a browser is repaired, and its head no longer speaks of the bytes that were', async () => {
    const { body, headers } = await asDocument('/www/7/page');
    assert.match(body, /^<html><head><script src="\/www\/7\/\.myserver\/repair\.js\?[\w-]{10}"><\/script><\/head><a href="\/www\/7\/x">$/u);
    assert.equal(headers['content-length'], undefined);
    assert.equal(headers.etag, 'W/"e"');
    assert.equal(headers.vary, 'Sec-Fetch-Dest, Accept');
    assert.equal(asked.at(-1)?.['accept-encoding'], 'identity');
  });

  test('for a program, for a script of the page and by a name of the server’s own it stays as it is', async () => {
    assert.equal((await client.get('/www/7/page', { headers: { accept: '*/*' } })).body, page);
    assert.equal((await asDocument('/www/7/page', { 'sec-fetch-dest': 'empty' })).body, page);
    assert.equal((await asDocument('/page', { host: '7.www.pages.example' })).body, page);
    assert.equal((await asDocument('/www/7/script')).body, 'fetch("/x")');
    assert.equal((await asDocument('/www/7/fixed')).body, page);
    assert.equal((await asDocument('/www/7/part')).body, '<a h');
  });

  test('off leaves all as it is, on repairs for everybody', async () => {
    await edge.set(stateOf(routeTo(7, seven, { repair: 'off' }), routeTo(8, seven, { repair: 'on' })));
    assert.equal((await asDocument('/www/7/page')).body, page);
    assert.match((await client.get('/www/8/page')).body, /href="\/www\/8\/x"/u);
    await edge.set(stateOf(routeTo(7, seven), routeTo(8, seven)));
  });

  test('a server that packs although it was asked not to is unpacked', async () => {
    const { body, headers } = await asDocument('/www/7/packed');
    assert.match(body, /href="\/www\/7\/x"/u);
    assert.equal(headers['content-encoding'], undefined);
  });

  test('attack: a compression bomb is cut, not unpacked', async () => {
    const asking = client.begin('/www/7/bomb', { headers: asBrowser });
    asking.end();
    const [answer] = (await once(asking, 'response')) as [IncomingMessage];
    let bytes = 0;
    await assert.rejects(async () => {
      for await (const piece of answer) bytes += (piece as Buffer).length;
    });
    assert.ok(bytes < 100 * 2 ** 20, String(bytes));
  });

  test('a page that comes slowly is there as far as it has come', async () => {
    const asking = client.begin('/www/7/slow', { headers: asBrowser });
    asking.end();
    const [answer] = (await once(asking, 'response')) as [IncomingMessage];
    const [piece] = (await once(answer, 'data')) as [Buffer];
    assert.match(String(piece), /<p>$/u);
    asking.destroy();
  });

  test('the script for pages is below each prefix, and the server is not asked for it', async () => {
    const askedBefore = seven.asked.length;
    const { status, headers, body } = await client.get(`/www/7${repairScriptPath}?1`);
    assert.deepEqual([status, headers['content-type']], [200, 'text/javascript; charset=utf-8']);
    assert.ok(new Script(body), 'it can be read');
    assert.equal(seven.asked.length, askedBefore);
  });

  test('who asks from a page below a prefix for what is nobody’s is led below that prefix, with method and body', async () => {
    const { status, headers } = await client.get('/api?x=1', {
      method: 'POST',
      headers: { host: 'h:80', referer: 'http://h:80/www/7/page?y' },
    });
    assert.deepEqual([status, headers.location], [307, '/www/7/api?x=1']);
  });

  test('attack: nobody is led there from elsewhere, nor from one server to another', async () => {
    const led = async (target: string, referer: string) => (await client.get(target, { headers: { host: 'h', referer } })).headers.location;
    assert.equal(await led('/api', 'http://evil.example/www/7/'), undefined);
    assert.equal(await led('/api', 'http://h.evil.example/www/7/'), undefined);
    assert.equal(await led('/api', 'http://h/www/9/'), undefined);
    assert.equal(await led('/', 'http://h/www/7/'), undefined);
    assert.equal(await led('/.well-known/myserver/authority.pem', 'http://h/www/7/'), undefined);
    assert.equal(await led('/www/9/', 'http://h/www/7/'), undefined);
    assert.equal(await led('/www/8', 'http://h/www/7/'), '/www/8/');
    assert.equal(await led('//evil.example/', 'http://h/www/7/'), '/www/7//evil.example/');
  });
});
