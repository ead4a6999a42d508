import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { isFromHere } from './api-relay.ts';
import { loadAssets } from './assets.ts';

const script = `${'let it = "be long enough to shrink";\n'.repeat(50)}`;

suite("the portal's files", () => {
  let dir: string;
  let port: number;
  const server = createServer();

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'myserver-portal-'));
    await mkdir(join(dir, 'assets'));
    await writeFile(join(dir, 'index.html'), '<!doctype html>');
    await writeFile(join(dir, 'terminal.html'), '<!doctype html>');
    await writeFile(join(dir, 'assets/portal-ABCD1234.js'), script);
    await writeFile(join(dir, 'assets/portal-ABCD1234.js.gz'), gzipSync(script));
    await writeFile(join(dir, 'assets/portal-ABCD1234.js.br'), brotliCompressSync(script));
    await writeFile(join(dir, 'assets/secret.pem'), 'no file of the portal');
    const assets = await loadAssets(dir);
    server.on('request', (asked, answer) => {
      if (!assets.send(asked, answer, (asked.url ?? '').slice(1))) answer.writeHead(404).end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });
  after(async () => {
    server.close();
    await rm(dir, { recursive: true });
  });

  async function get(path: string, headers: IncomingHttpHeaders = {}) {
    const asked = request({ host: '127.0.0.1', port, path, headers, agent: false }).end();
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    const pieces: Buffer[] = [];
    for await (const piece of answer) pieces.push(piece as Buffer);
    return { status: answer.statusCode, headers: answer.headers, body: Buffer.concat(pieces) };
  }

  test('each comes in the form that the browser takes, and what its name fixes is kept for a year', async () => {
    const path = '/assets/portal-ABCD1234.js';
    const [plain, zipped, brotli] = [
      await get(path),
      await get(path, { 'accept-encoding': 'gzip' }),
      await get(path, { 'accept-encoding': 'gzip, br' }),
    ];
    assert.equal(plain.body.toString(), script);
    assert.equal(gunzipSync(zipped.body).toString(), script);
    assert.equal(brotliDecompressSync(brotli.body).toString(), script);
    assert.match(String(plain.headers['cache-control']), /immutable/u);
    assert.equal((await get(path, { 'accept-encoding': 'br;q=0, gzip;q=0' })).headers['content-encoding'], undefined);
  });

  test('a page is asked for anew each time, and not sent again where it is the same', async () => {
    const { headers } = await get('/index.html');
    assert.equal(headers['cache-control'], 'no-cache');
    assert.equal((await get('/index.html', { 'if-none-match': String(headers.etag) })).status, 304);
  });

  test('no script in a page, no frame around one, nothing from elsewhere', async () => {
    const { headers } = await get('/index.html');
    const policy = String(headers['content-security-policy']);
    for (const rule of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"])
      assert.ok(policy.split('; ').includes(rule), `${rule} in ${policy}`);
    assert.doesNotMatch(policy, /unsafe/u);
    const terminal = String((await get('/terminal.html')).headers['content-security-policy']);
    assert.doesNotMatch(terminal, /script-src[^;]*unsafe/u);
    assert.match(terminal, /frame-ancestors 'self'(?:;|$)/u, 'in a page of the portal, and in no other');
  });

  test('attack: nothing but these files is ever sent', async () => {
    for (const path of ['/assets/secret.pem', '/assets/../index.html', '/../../etc/passwd', '/assets/', '/%2e%2e/index.html'])
      assert.equal((await get(path)).status, 404, path);
  });
});

test('whose page a request is from is told by its origin, or by what the browser says of the site', () => {
  const here = (headers: IncomingHttpHeaders) => isFromHere({ headers: { host: 'own.example', ...headers } });
  assert.ok(
    here({}) && here({ origin: 'https://own.example' }) && here({ 'sec-fetch-site': 'same-origin' }) && here({ 'sec-fetch-site': 'none' }),
  );
  for (const origin of [
    'http://own.example',
    'https://own.example:9444',
    'https://www.own.example',
    'https://own.example.evil',
    'null',
    '',
  ])
    assert.ok(!here({ origin }), origin);
  for (const site of ['cross-site', 'same-site']) assert.ok(!here({ 'sec-fetch-site': site }), site);
});
