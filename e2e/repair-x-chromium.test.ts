/** What scripts of a page below a prefix ask for, in the words of many programs, is asked of their own server: by Chromium. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { silentLog } from '../src/base/log.ts';
import { noDesk } from '../src/gateway/http/desk.testing.ts';
import { makeHttpEdge } from '../src/gateway/http/http-edge.ts';
import { keepLocalCertificate } from '../src/host/certificates/local-authority.ts';
import { domain, makeBackend, network, routeTo, stateOf } from '../src/network/edge-room.testing.ts';
import { lacksChromium, launchChromium } from './chromium.ts';

const origin = `www.${domain}`;

/** Each asks for /a once; the argument of `told` ends the wait. */
const ways: Readonly<Record<string, string>> = {
  'fetch, from the root': `fetch('/a').then(told)`,
  'fetch, with the host': `fetch('https://${origin}/a').then(told)`,
  'fetch, with a port that need not be said': `fetch('https://${origin}:443/a').then(told)`,
  'fetch of a request': `fetch(new Request('/a')).then(told)`,
  'an address object': `fetch(new URL('/a', location.href)).then(told)`,
  XMLHttpRequest: `const asked = new XMLHttpRequest(); asked.onload = told; asked.open('GET', '//${origin}/a'); asked.send()`,
  'a WebSocket, from the root': `new WebSocket('/a').onerror = told`,
  'a WebSocket, with the host': `new WebSocket('wss://${origin}/a').onerror = told`,
  'a WebSocket, with an empty port': `new WebSocket('wss://${origin}:/a').onerror = told`,
  'a stream of events': `const events = new EventSource('/a'); events.onerror = () => (events.close(), told())`,
  'an image': `const image = new Image(); image.onerror = told; image.src = '/a'`,
  'an element made of text': `document.body.insertAdjacentHTML('beforeend', '<img src="/a">'); document.body.lastChild.onerror = told`,
  'a script': `const script = document.createElement('script'); script.onload = script.onerror = told; script.setAttribute('src', '/a'); document.head.append(script)`,
  'an import': `window.told = told; const module = document.createElement('script'); module.type = 'module'; module.textContent = 'import("/a").then(told, told)'; document.head.append(module)`,
  'a worker': `new Worker('/a').onerror = told`,
  'already below the prefix': `fetch('/www/7/a').then(told)`,
};

suite('addresses that scripts make, in Chromium', { skip: lacksChromium }, () => {
  test('whatever the way, the server itself is asked, once', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'myserver-repair-'));
    const { certificate } = await keepLocalCertificate(dir, [domain, origin], Date.now());
    await using seven = await makeBackend(7, (asking, response) => {
      if (asking.url !== '/') return false;
      response
        .writeHead(200, { 'content-type': 'text/html' })
        .end('<!doctype html><link rel="icon" href="data:,"><title>plain</title><body>');
      return true;
    });
    seven.server.on('upgrade', (asking, socket) => {
      seven.asked.push(`GET ${asking.url}`);
      socket.on('error', () => {}).end('HTTP/1.1 418 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    });
    const edge = makeHttpEdge({
      origins: { publicHost: 'host.example', domain, ports: { http: 80, https: 443, content: undefined }, isHttpsOnly: false },
      network,
      listen: { host: '127.0.0.1', ports: { http: undefined, https: 0, content: undefined } },
      desk: noDesk,
      answerMs: 1000,
      drainMs: () => 0,
      log: silentLog,
    });
    await edge.start();
    await edge.set({ ...stateOf(routeTo(7, seven)), certificates: [certificate] });
    const browser = await launchChromium({ '*:443': `127.0.0.1:${edge.ports().https}` });
    try {
      const page = await browser.newPage();
      await page.goto(`https://${origin}/www/7/`);
      for (const [way, script] of Object.entries(ways)) {
        const before = seven.asked.length;
        await page.evaluate(`new Promise((told) => { ${script}; })`);
        assert.deepEqual(seven.asked.slice(before), ['GET /a'], way);
      }
    } finally {
      await browser.close();
      await edge.stop();
      await rm(dir, { recursive: true });
    }
  });
});
