/** What a server's page can do in the browser of somebody who visits other servers, too: by Chromium, through both edges. */
import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { silentLog } from '../src/base/log.ts';
import { makePasses } from '../src/control/web/passes.ts';
import type { WebPorts } from '../src/core/web-origins.ts';
import { nothingOnTheWeb } from '../src/core/web-route.ts';
import { memoryKeyring } from '../src/gateway/http/conformance-private-ports.testing.ts';
import type { DeskLink } from '../src/gateway/http/desk.ts';
import { noDesk } from '../src/gateway/http/desk.testing.ts';
import { makeHttpEdge } from '../src/gateway/http/http-edge.ts';
import { keepLocalCertificate } from '../src/host/certificates/local-authority.ts';
import type { Edge } from '../src/network/edge.ts';
import { type Backend, domain, makeBackend, type Mirrored, network, routeTo, valuesOf } from '../src/network/edge-room.testing.ts';
import { lacksChromium, launchChromium } from './chromium.ts';
import { lacksHaproxy, makeHaproxyRoom } from './haproxy-room.ts';

interface Room extends AsyncDisposable {
  readonly edge: Edge;
  readonly ports: WebPorts;
}

async function makeEmbedded(desk: DeskLink): Promise<Room> {
  const edge = makeHttpEdge({
    origins: { publicHost: 'host.example', domain, ports: { http: 80, https: 443, content: undefined }, isHttpsOnly: false },
    network,
    listen: { host: '127.0.0.1', ports: { http: 0, https: 0, content: undefined } },
    desk,
    answerMs: 1000,
    drainMs: () => 0,
    log: silentLog,
  });
  await edge.start();
  return { edge, ports: edge.ports(), [Symbol.asyncDispose]: async () => await edge.stop() };
}

const content = `https://www.${domain}`;
const portal = 'https://host.example';
const secret = `https://8.usr.${domain}`;

/** A page, and a worker that would answer for all of the origin. */
function pages(request: IncomingMessage, response: ServerResponse): boolean {
  if (request.url === '/') {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>plain</title>');
    return true;
  }
  if (request.url !== '/worker.js') return false;
  response.writeHead(200, { 'content-type': 'text/javascript', 'service-worker-allowed': '/' });
  response.end(`
    addEventListener('install', () => skipWaiting());
    addEventListener('activate', (event) => event.waitUntil(clients.claim()));
    addEventListener('fetch', (event) => event.respondWith(new Response('<title>taken</title>', { headers: { 'content-type': 'text/html' } })));
  `);
  return true;
}

/** In the page: what became of an attempt, as a word. */
async function outcome(page: Page, attempt: string): Promise<string> {
  return await page.evaluate(`(async () => { try { return String(await (${attempt})); } catch (error) { return error.name; } })()`);
}

pagesInChromium('the embedded edge', makeEmbedded);
pagesInChromium('HAProxy', async (desk) => await makeHaproxyRoom({ desk, hasHttps: true }), lacksHaproxy);

function pagesInChromium(name: string, make: (desk: DeskLink) => Promise<Room>, lacking: string | false = false): void {
  suite(`servers’ pages in Chromium, by ${name}`, { skip: lacksChromium === false ? lacking : lacksChromium }, () => {
    let dir: string;
    let room: Room;
    let browser: Browser;
    let context: BrowserContext;
    /** The evil one; a neighbour's, public; the same neighbour's for chosen people. */
    let servers: readonly [Backend, Backend, Backend];
    let signedIn = 0;

    before(async () => {
      dir = await mkdtemp(join(tmpdir(), 'myserver-chromium-'));
      const { certificate } = await keepLocalCertificate(dir, [domain, `www.${domain}`, `*.www.${domain}`, `*.usr.${domain}`], Date.now());
      const passes = await makePasses(memoryKeyring(), Date.now);
      const made = await Promise.all([makeBackend(7, pages), makeBackend(8, pages), makeBackend(9, pages)]);
      servers = [made[0], made[1], made[2]];
      const shared = routeTo(8, servers[2], { door: 'usr', policy: 'shared' });
      room = await make({ ...noDesk, signIn: () => Promise.resolve(`ticket-${(signedIn += 1)}`) });
      await room.edge.set({
        ...nothingOnTheWeb,
        // What repairs pages is in nobody's way: an attacker takes it out of theirs.
        routes: [routeTo(7, servers[0], { repair: 'off' }), routeTo(8, servers[1], { repair: 'off' }), shared],
        certificates: [certificate],
        passKey: passes.publicKey,
        stamps: [{ subject: 'ada', stamp: 'one' }],
        readers: [{ generation: shared.generation, subjects: ['ada'] }],
      });
      browser = await launchChromium({ '*:443': `127.0.0.1:${room.ports.https}`, '*:80': `127.0.0.1:${room.ports.http}` });
      context = await browser.newContext();
      const { pass } = passes.give({ subject: 'ada', generation: shared.generation, door: 'usr', stamp: 'one', notAfterMs: undefined });
      await context.addCookies([{ name: '__Host-myserver', value: pass, url: secret, secure: true, httpOnly: true, sameSite: 'Lax' }]);
    });
    after(async () => {
      await browser.close();
      await room[Symbol.asyncDispose]();
      for (const server of servers) await server[Symbol.asyncDispose]();
      await rm(dir, { recursive: true });
    });

    async function visit(address: string): Promise<Page> {
      const page = await context.newPage();
      await page.goto(address);
      return page;
    }

    test('who is signed in is at a private port, and its own pages go on with the pass', async () => {
      const page = await visit(`${secret}/`);
      assert.equal(await page.title(), 'plain');
      const own = await outcome(page, `fetch('/own', { method: 'POST', body: 'x' }).then((answer) => answer.text())`);
      assert.deepEqual(valuesOf((JSON.parse(own) as Mirrored).head, 'x-myserver-person'), ['ada']);
      servers[2].server.once('upgrade', (_request, socket) => socket.on('error', () => {}).end('HTTP/1.1 418 Reached\r\n\r\n'));
      const asked = new Promise((resolve) => servers[2].server.once('upgrade', resolve));
      assert.equal(
        await outcome(
          page,
          `new Promise((resolve) => (new WebSocket('${secret.replace('https', 'wss')}/own').onerror = () => resolve('ended')))`,
        ),
        'ended',
      );
      await asked;
      await page.close();
    });

    test('attack: a service worker of /www/7/ answers for nothing beyond it', async () => {
      const page = await visit(`${content}/www/7/`);
      for (const scope of ['/', '/www/', '/www/8/', '/www/7'])
        assert.equal(await outcome(page, `navigator.serviceWorker.register('worker.js', { scope: '${scope}' })`), 'SecurityError', scope);
      for (const script of ['/worker.js', '/www/7/..%2fworker.js', '/www/7%2fworker.js'])
        assert.notEqual(
          await outcome(page, `navigator.serviceWorker.register('${script}', { scope: '/www/' })`),
          '[object ServiceWorkerRegistration]',
          script,
        );
      assert.equal(await outcome(page, `navigator.serviceWorker.register('worker.js').then(({ scope }) => scope)`), `${content}/www/7/`);
      await page.waitForFunction('navigator.serviceWorker.controller !== null');
      assert.equal(await (await visit(`${content}/www/7/`)).title(), 'taken', 'it does answer below its own prefix');
      assert.equal(await (await visit(`${content}/www/8/`)).title(), 'plain');
      assert.equal(await (await visit(`${portal}/`)).title(), 'myserver');
      await outcome(page, `navigator.serviceWorker.getRegistrations().then((all) => Promise.all(all.map((one) => one.unregister())))`);
    });

    test('attack: a fetch from /www/7/ at /www/8/ reads what everybody reads, and nothing of a port for chosen people', async () => {
      const page = await visit(`${content}/www/7/`);
      const asked = servers[2].asked.length;
      servers[2].server.once('upgrade', (request, socket) => (servers[2].asked.push(`UPGRADE ${request.url}`), socket.destroy()));
      const mirrored = JSON.parse(
        await outcome(page, `fetch('/www/8/mirror', { credentials: 'include' }).then((answer) => answer.text())`),
      ) as Mirrored;
      assert.deepEqual(valuesOf(mirrored.head, 'cookie'), []);
      assert.equal(await outcome(page, `fetch('/usr/8/', { credentials: 'include' })`), 'TypeError', 'led to an origin of its own');
      const at = `'${secret}/steal'`;
      assert.equal(await outcome(page, `fetch(${at}, { credentials: 'include' })`), 'TypeError');
      assert.equal(
        await outcome(
          page,
          `fetch(${at}, { credentials: 'include', method: 'POST', mode: 'no-cors', body: 'x' }).then(({ type }) => type)`,
        ),
        'opaque',
      );
      assert.equal(
        await outcome(page, `new Promise((resolve) => (new WebSocket(${at.replace('https', 'wss')}).onerror = () => resolve('ended')))`),
        'ended',
      );
      const load = (element: string, name: string) =>
        `new Promise((resolve) => { const it = document.createElement('${element}'); it.onload = it.onerror = () => resolve('ended'); it.${name} = ${at}; document.head.append(it); })`;
      assert.equal(await outcome(page, load('img', 'src')), 'ended');
      assert.equal(await outcome(page, load('script', 'src')), 'ended');
      assert.equal(await outcome(page, load('iframe', 'src')), 'ended');
      const form = `(() => { const form = document.createElement('form'); form.method = 'post'; form.action = ${at}; document.body.append(form); form.submit(); })()`;
      const sent = page.waitForResponse((answer) => answer.request().method() === 'POST');
      await outcome(page, form);
      assert.equal((await sent).status(), 403);
      assert.equal(servers[2].asked.length, asked, servers[2].asked.join('\n'));
    });

    test('attack: a fetch from /www/7/ at the portal reads nothing, signs nobody in and frames nothing', async () => {
      const page = await visit(`${content}/www/7/`);
      const signIn = `'${portal}/.well-known/myserver/sign-in?server=8&door=usr&to=%2F'`;
      assert.equal(await outcome(page, `fetch('${portal}/', { credentials: 'include' })`), 'TypeError');
      assert.equal(await outcome(page, `fetch(${signIn}, { credentials: 'include' })`), 'TypeError');
      const body = `new URLSearchParams({ person: 'mallory', password: 'right' })`;
      assert.equal(
        await outcome(
          page,
          `fetch(${signIn}, { method: 'POST', mode: 'no-cors', credentials: 'include', body: ${body} }).then(({ type }) => type)`,
        ),
        'opaque',
      );
      assert.equal(signedIn, 0);
      await outcome(
        page,
        `new Promise((resolve) => { const it = document.createElement('iframe'); it.onload = resolve; it.src = ${signIn}; document.body.append(it); })`,
      );
      await page.frames()[1]?.waitForURL('chrome-error://chromewebdata/');
      assert.equal(page.frames().length, 2);
    });

    test('attack: cookie tossing: no page of another server sets what lets somebody in, or takes it away', async () => {
      const page = await visit(`https://7.www.${domain}/`);
      for (const cookie of [
        `__Host-myserver=evil; Domain=${domain}; Path=/; Secure`,
        `__Host-myserver=evil; Path=/usr; Secure`,
        `__Host-Myserver=evil; Domain=${domain}; Path=/; Secure`,
      ])
        await outcome(page, `(document.cookie = '${cookie}')`);
      const there = await visit(`${secret}/mirror`);
      const { head } = JSON.parse(await there.innerText('pre')) as Mirrored;
      assert.deepEqual(valuesOf(head, 'x-myserver-person'), ['ada']);
      assert.deepEqual(valuesOf(head, 'cookie'), []);
    });
  });
}
