import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request, type RequestOptions } from 'node:https';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, suite, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { silentLog } from '../../base/log.ts';
import { nothingOnTheWeb, type WebState } from '../../core/web-route.ts';
import { keepLocalCertificate, type LocalCertificate } from '../../host/certificates/local-authority.ts';
import { type Backend, domain, makeBackend, type Mirrored, network, routeTo, valuesOf } from '../../network/edge-room.testing.ts';
import { noDesk } from './desk.testing.ts';
import { type HttpEdge, makeHttpEdge } from './http-edge.ts';

const ports = { http: 80, https: 443, content: 444 };

suite('HTTPS by the embedded edge', () => {
  let dir: string;
  let main: LocalCertificate;
  let other: LocalCertificate;
  let edge: HttpEdge;
  let seven: Backend;
  const origins = { publicHost: 'host.example', domain: undefined, ports, isHttpsOnly: false };
  const stateWith = (...certificates: readonly LocalCertificate[]): WebState => ({
    ...nothingOnTheWeb,
    routes: [routeTo(7, seven)],
    certificates: certificates.map(({ certificate: { names, chain, key } }) => ({ names, chain, key })),
    authority: main.authority,
  });

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'myserver-https-'));
    main = await keepLocalCertificate(join(dir, 'main'), ['host.example', `*.www.${domain}`], Date.now());
    other = await keepLocalCertificate(join(dir, 'other'), ['own.example'], Date.now());
    seven = await makeBackend(7);
    const listen = { host: '127.0.0.1', ports: { http: 0, https: 0, content: 0 } };
    edge = makeHttpEdge({ origins, network, listen, desk: noDesk, answerMs: 1000, headMs: 1000, drainMs: () => 0, log: silentLog });
    await edge.start();
    await edge.set(stateWith(main, other));
  });
  after(async () => {
    await edge.stop();
    await seven[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  async function get(listener: 'https' | 'content', path: string, { servername = 'host.example', ...options }: RequestOptions = {}) {
    const asking = request({
      host: '127.0.0.1',
      port: edge.ports()[listener],
      path,
      servername,
      agent: false,
      ca: [main.authority, other.authority],
      headers: { host: servername },
      ...options,
    });
    asking.end();
    const [answer] = (await once(asking, 'response')) as [IncomingMessage];
    const shown = (answer.socket as TLSSocket).getPeerX509Certificate();
    return { status: answer.statusCode, headers: answer.headers, body: await text(answer), shown: shown?.subjectAltName ?? '' };
  }

  test('servers’ pages are at the content origin alone, and our own name leads there', async () => {
    const led = await get('https', '/www/7/a?b');
    assert.deepEqual([led.status, led.headers.location], [307, 'https://host.example:444/www/7/a?b']);
    const { body } = await get('content', '/www/7/a?b');
    const { url, head } = JSON.parse(body) as Mirrored;
    assert.equal(url, '/a?b');
    assert.deepEqual([valuesOf(head, 'x-forwarded-proto'), valuesOf(head, 'x-forwarded-port')], [['https'], ['444']]);
    assert.equal((await get('content', '/')).status, 404);
  });

  test('each visitor is shown the certificate of the name that they ask for; who names none, the first', async () => {
    assert.match((await get('https', '/', { servername: 'own.example' })).shown, /own\.example/u);
    assert.match((await get('https', '/', { servername: '', headers: { host: 'x' }, rejectUnauthorized: false })).shown, /host\.example/u);
    await assert.rejects(get('https', '/', { servername: 'third.example' }), /altnames/u);
  });

  test('another certificate is shown from the next visit on, and connections that live go on', async () => {
    const renewed = await keepLocalCertificate(join(dir, 'renewed'), ['host.example'], Date.now());
    await edge.set(stateWith(renewed));
    const asked = await get('https', '/', { ca: renewed.authority });
    assert.equal(asked.shown, 'DNS:host.example');
    assert.ok(!new X509Certificate(renewed.certificate.chain).subjectAltName?.includes('www'));
    await edge.set(stateWith(main, other));
  });

  test('the authority is to be had where whoever does not trust it yet can come', async () => {
    const asking = await fetch(`http://127.0.0.1:${edge.ports().http}/.well-known/myserver/authority.pem`);
    assert.equal(await asking.text(), main.authority);
  });

  test('old protocols are refused', async () => {
    await assert.rejects(get('https', '/', { maxVersion: 'TLSv1.1', minVersion: 'TLSv1' }));
  });

  test('a handshake that never ends is not waited for', async () => {
    const { connect } = await import('node:net');
    const socket = connect(edge.ports().https ?? 0, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('\x16\x03\x01');
    await once(socket, 'close');
  });
});
