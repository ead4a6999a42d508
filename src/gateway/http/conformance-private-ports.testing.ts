import assert from 'node:assert/strict';
import type { webcrypto } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request, type RequestOptions } from 'node:https';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, suite, test } from 'node:test';
import type { Keyring, KeyPair } from '../../store/records.ts';
import type { PortPolicy } from '../../core/port-policy.ts';
import { passSeconds } from '../../core/web-pass.ts';
import { nothingOnTheWeb, type WebState } from '../../core/web-route.ts';
import { keepLocalCertificate, type LocalCertificate } from '../../host/certificates/local-authority.ts';
import { type Backend, domain, makeBackend, type Mirrored, routeTo, valuesOf } from '../../network/edge-room.testing.ts';
import { makePasses, type Passes } from '../../control/web/passes.ts';
import { fault } from '../../core/errors.ts';
import type { DeskLink } from './desk.ts';
import type { Edge } from '../../network/edge.ts';
import type { WebPorts } from '../../core/web-origins.ts';

const own = `7.usr.${domain}`;
const portal = 'host.example';
const enc = encodeURIComponent;

export function memoryKeyring(): Keyring {
  const pairs = new Map<string, KeyPair>();
  return {
    get: (name) => Promise.resolve(pairs.get(name)),
    keep: (name, pair) => Promise.resolve(pairs.set(name, pairs.get(name) ?? pair).get(name) ?? pair),
    replace: (name, pair) => Promise.resolve(void pairs.set(name, pair)),
    remove: (name) => Promise.resolve(void pairs.delete(name)),
  };
}

export interface PrivateRoom extends AsyncDisposable {
  readonly edge: Edge;
  readonly ports: WebPorts;
}

/** Both edges are to do the same for ports that are not public; `make` makes one with HTTP and HTTPS whose own name is `host.example`. */
export function privatePorts(name: string, make: (desk: DeskLink) => Promise<PrivateRoom>): void {
  suite(`ports that are not public, by ${name}`, () => {
    const portOf = (which: 'http' | 'https') => room.ports[which];
    let dir: string;
    let certificate: LocalCertificate;
    let passes: Passes;
    let room: PrivateRoom;
    let edge: Edge;
    let seven: Backend;
    let nowMs = Date.now();
    const started: number[] = [];
    const route = (policy: PortPolicy) => ({ ...routeTo(7, seven), door: 'usr', policy });
    const stamps = [
      { subject: 'ada', stamp: 'one' },
      { subject: 'bob', stamp: 'two' },
      { subject: 'link:abc', stamp: 'three' },
    ];
    const state = (policy: PortPolicy, change: Partial<WebState> = {}): WebState => ({
      ...nothingOnTheWeb,
      routes: [route(policy)],
      certificates: [certificate.certificate].map(({ names, chain, key }) => ({ names, chain, key })),
      passKey: passes.publicKey,
      stamps,
      readers: [{ generation: route(policy).generation, subjects: ['ada'] }],
      ...change,
    });
    const passOf = (subject: string, change: object = {}) =>
      passes.give({
        subject,
        generation: route('shared').generation,
        door: 'usr',
        stamp: stamps.find((entry) => entry.subject === subject)?.stamp ?? '',
        notAfterMs: undefined,
        ...change,
      }).pass;
    const desk: DeskLink = {
      signIn({ person, password }, { door }) {
        if (password !== 'right') return Promise.reject(fault('wrong-password', 'wrong name or password'));
        return Promise.resolve(`ticket-${person}-${door}`);
      },
      enter(ticket) {
        if (!ticket.startsWith('ticket-')) return Promise.reject(fault('not-signed-in', 'used up'));
        return Promise.resolve({ pass: passOf(ticket.split('-')[1] ?? ''), seconds: 60 });
      },
      enterByLink(key) {
        if (key !== 'good') return Promise.reject(fault('not-signed-in', 'over'));
        return Promise.resolve({ pass: passOf('link:abc'), seconds: 60 });
      },
      start(_who, id) {
        started.push(id);
        return Promise.resolve();
      },
    };

    before(async () => {
      dir = await mkdtemp(join(tmpdir(), 'myserver-private-'));
      certificate = await keepLocalCertificate(dir, [portal, domain, `www.${domain}`, `*.usr.${domain}`], Date.now());
      passes = await makePasses(memoryKeyring(), () => nowMs);
      seven = await makeBackend(7, (asking, response) => {
        if (asking.url !== '/events') return false;
        response.write('data: 1\n\n');
        return true;
      });
      room = await make(desk);
      ({ edge } = room);
      await edge.set(state('shared'));
    });
    after(async () => {
      await room[Symbol.asyncDispose]();
      await seven[Symbol.asyncDispose]();
      await rm(dir, { recursive: true });
    });

    function begin(host: string, path: string, { headers = {}, ...options }: RequestOptions = {}) {
      const all = { host, accept: 'text/html', ...(headers as Record<string, string>) };
      return request({
        host: '127.0.0.1',
        port: portOf('https'),
        path,
        servername: host,
        agent: false,
        ca: certificate.authority,
        headers: all,
        ...options,
      });
    }

    async function ask(host: string, path: string, { body, ...options }: RequestOptions & { readonly body?: string } = {}) {
      const asking = begin(host, path, options);
      asking.end(body);
      const [answer] = (await once(asking, 'response')) as [IncomingMessage];
      return { status: answer.statusCode, headers: answer.headers, location: answer.headers.location ?? '', body: await text(answer) };
    }
    const visit = async (pass: string, path = '/', more: Record<string, string> = {}) =>
      await ask(own, path, { headers: { cookie: `__Host-myserver=${pass}`, ...more } });
    const signInPath = `/.well-known/myserver/sign-in?server=7&door=usr&to=${enc('/a?b=1')}`;
    const form = { 'content-type': 'application/x-www-form-urlencoded', origin: `https://${portal}`, 'sec-fetch-site': 'same-origin' };

    test('without a pass a browser is led to our own sign-in page, and a program is told in JSON', async () => {
      const { status, location } = await ask(own, '/a?b=1');
      assert.deepEqual([status, location], [303, `https://${portal}/.well-known/myserver/sign-in?server=7&door=usr&to=${enc('/a?b=1')}`]);
      const program = await ask(own, '/a', { headers: { accept: 'application/json' } });
      assert.equal(program.status, 401);
      assert.match(program.body, /not-signed-in/u);
      assert.equal((await ask(own, '/a', { method: 'POST' })).status, 401);
      assert.deepEqual(seven.asked, []);
    });

    test('signing in leads through the port’s own origin to the page that was asked for', async () => {
      const page = await ask(portal, signInPath);
      assert.match(page.body, /<form method="post">/u);
      assert.match(String(page.headers['content-security-policy']), /form-action 'self' https:\/\/7\.usr\./u);
      const wrong = await ask(portal, signInPath, { method: 'POST', headers: form, body: 'person=ada&password=wrong' });
      assert.equal(wrong.status, 403);
      assert.match(wrong.body, /role="alert"[^\n]*Wrong name or password/u);
      const right = await ask(portal, signInPath, { method: 'POST', headers: form, body: 'person=ada&password=right' });
      assert.equal(
        right.location,
        `https://${own}/.well-known/myserver/enter?key=ticket-ada-usr&to=${enc('/a?b=1').replaceAll('%20', '+')}`,
      );
      const entered = await ask(own, right.location.slice(`https://${own}`.length));
      assert.deepEqual([entered.status, entered.location], [303, '/a?b=1']);
      const [cookie = ''] = entered.headers['set-cookie'] ?? [];
      assert.match(cookie, /^__Host-myserver=[\w.-]+; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=60$/u);
      const there = await ask(own, entered.location, { headers: { cookie: cookie.split(';')[0] ?? '' } });
      assert.equal((JSON.parse(there.body) as Mirrored).url, '/a?b=1');
    });

    test('the server learns who visits by a token that is signed for it, and never sees the pass', async () => {
      const { body } = await visit(passOf('ada'), '/', {
        cookie: `a=1; __Host-myserver=${passOf('ada')}; b=2`,
        'x-myserver-person': 'root',
      });
      const { head } = JSON.parse(body) as Mirrored;
      assert.deepEqual(valuesOf(head, 'cookie'), ['a=1; b=2']);
      assert.deepEqual(valuesOf(head, 'x-myserver-person'), ['ada']);
      const [identity = ''] = valuesOf(head, 'x-myserver-identity');
      const claims = JSON.parse(Buffer.from(identity.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;
      assert.equal(claims['sub'], 'ada');
      assert.equal(claims['aud'], `${route('shared').generation}/usr`);
      const { keys } = JSON.parse((await ask(portal, '/.well-known/myserver/keys')).body) as { keys: webcrypto.JsonWebKey[] };
      const key = await crypto.subtle.importKey('jwk', keys[0] ?? {}, { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, false, ['verify']);
      const [h, c, s = ''] = identity.split('.');
      assert.ok(await crypto.subtle.verify('RSASSA-PKCS1-v1_5', key, Buffer.from(s, 'base64url'), Buffer.from(`${h}.${c}`)));
    });

    test('attack: a pass for another port, generation or person, one with another stamp, a forged one and an old one let nobody in', async () => {
      const asked = seven.asked.length;
      const [head = '', claims = '', signature = ''] = passOf('ada').split('.');
      const forged = Buffer.from(
        JSON.stringify({ ...(JSON.parse(Buffer.from(claims, 'base64url').toString()) as object), sub: 'root' }),
      ).toString('base64url');
      const unsigned = Buffer.from(JSON.stringify({ alg: 'none', typ: 'pass+jwt' })).toString('base64url');
      const identity = (JSON.parse(Buffer.from(claims, 'base64url').toString()) as { id: string }).id;
      const old = passOf('ada', { notAfterMs: nowMs - 1000 });
      for (const pass of [
        passOf('bob'),
        passOf('ada', { door: 'www' }),
        passOf('ada', { generation: routeTo(8, seven).generation }),
        passOf('ada', { stamp: 'before' }),
        passOf('mallory', { stamp: '' }),
        `${head}.${forged}.${signature}`,
        `${unsigned}.${claims}.`,
        `${head}.${claims}.${signature.slice(0, -4)}AAAA`,
        identity,
        old,
        '',
      ])
        assert.equal((await visit(pass)).status, 303, pass);
      assert.equal(seven.asked.length, asked);
    });

    test('a pass runs out', async () => {
      nowMs -= (passSeconds + 1) * 1000;
      const pass = passOf('ada');
      nowMs = Date.now();
      assert.equal((await visit(pass)).status, 303);
      assert.equal((await visit(passOf('ada'))).status, 200);
    });

    test('who may visit changes at once, and what flows is cut with it', async () => {
      const asking = begin(own, '/events', { headers: { cookie: `__Host-myserver=${passOf('ada')}` } });
      asking.end();
      const [answer] = (await once(asking, 'response')) as [IncomingMessage];
      answer.resume();
      const cut = once(answer, 'error');
      await edge.set(state('shared', { readers: [] }));
      await cut;
      assert.equal((await visit(passOf('ada'))).status, 303);
      await edge.set(state('signed-in'));
      assert.equal((await visit(passOf('bob'))).status, 200);
      await edge.set(state('signed-in', { stamps: [{ subject: 'bob', stamp: 'after a new password' }] }));
      assert.equal((await visit(passOf('bob'))).status, 303);
      await edge.set(state('off'));
      assert.equal((await visit(passOf('ada'))).status, 403);
      await edge.set(state('shared'));
    });

    test('attack: a page of a neighbour’s, which is the same site to a browser, does not ride on the pass', async () => {
      const asked = seven.asked.length;
      const neighbour = { origin: `https://8.usr.${domain}` };
      const fetched = { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' };
      for (const headers of [
        { ...fetched, ...neighbour, 'sec-fetch-site': 'same-site' },
        { ...fetched, 'sec-fetch-site': 'same-site' },
        { ...fetched, ...neighbour, 'sec-fetch-site': 'cross-site' },
        { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe', 'sec-fetch-site': 'same-site' },
        neighbour,
        { origin: 'null' },
      ]) {
        const refused = await visit(passOf('ada'), '/', headers);
        assert.equal(refused.status, 403, JSON.stringify(headers));
        assert.match(refused.body, /the page of another site/u);
      }
      const sent = {
        method: 'POST',
        headers: {
          cookie: `__Host-myserver=${passOf('ada')}`,
          'sec-fetch-mode': 'navigate',
          'sec-fetch-dest': 'document',
          'sec-fetch-site': 'same-site',
        },
      };
      assert.equal((await ask(own, '/', sent)).status, 403);
      const upgraded = {
        ...neighbour,
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
      };
      assert.equal((await visit(passOf('ada'), '/', upgraded)).status, 403);
      assert.equal(seven.asked.length, asked);
    });

    test('the port’s own pages, links from elsewhere and programs go on with the pass', async () => {
      for (const headers of [
        { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty', 'sec-fetch-site': 'same-origin', origin: 'null' },
        { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'sec-fetch-site': 'cross-site' },
        { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'sec-fetch-site': 'none' },
        { origin: `https://${own}` },
        {},
      ])
        assert.equal((await visit(passOf('ada'), '/', headers)).status, 200, JSON.stringify(headers));
    });

    test('who was given a link visits, and is nobody to the server', async () => {
      const { headers } = await ask(own, '/.well-known/myserver/enter?link=good');
      const [cookie = ''] = headers['set-cookie'] ?? [];
      assert.equal((await ask(own, '/.well-known/myserver/enter?link=bad')).status, 403);
      const { head } = JSON.parse((await ask(own, '/', { headers: { cookie: cookie.split(';')[0] ?? '' } })).body) as Mirrored;
      assert.deepEqual(valuesOf(head, 'x-myserver-person'), []);
      assert.equal(valuesOf(head, 'x-myserver-identity').length, 1);
    });

    test('attack: a form that another site sends signs nobody in, and starts nothing', async () => {
      const start = '/.well-known/myserver/start?server=7';
      for (const path of [signInPath, start]) {
        const evil = { 'content-type': form['content-type'], origin: `https://${own}` };
        const body = 'person=ada&password=right';
        assert.equal((await ask(portal, path, { method: 'POST', headers: evil, body })).status, 400);
        assert.equal((await ask(portal, path, { method: 'POST', headers: { ...form, 'sec-fetch-site': 'same-site' }, body })).status, 400);
        assert.equal((await ask(portal, path, { method: 'POST', headers: { ...form, 'content-type': 'text/plain' }, body })).status, 400);
        assert.equal((await ask(portal, path, { method: 'POST', headers: form, body: 'a'.repeat(10_000) })).status, 400);
      }
      assert.deepEqual(started, []);
    });

    test('attack: signing in leads nowhere but to the port', async () => {
      for (const to of ['//evil.example/', 'https://evil.example/', '/\\evil.example', '/a\r\nSet-Cookie: x=1', ''])
        assert.equal((await ask(own, `/.well-known/myserver/enter?key=ticket-ada-usr&to=${enc(to)}`)).location, '/', to);
      assert.equal((await ask(own, '/.well-known/myserver/enter?key=used&to=/a')).location, '/a');
    });

    test('attack: pages to sign in are on our own origin alone, in no frame, and kept by nobody', async () => {
      const { headers } = await ask(portal, signInPath);
      assert.match(String(headers['content-security-policy']), /frame-ancestors 'none'/u);
      assert.equal(headers['cache-control'], 'no-store');
      assert.equal((await ask(`www.${domain}`, signInPath)).status, 404);
      assert.equal((await ask(own, signInPath)).status, 303);
      assert.equal((await fetch(`http://127.0.0.1:${portOf('http')}${signInPath}`)).status, 404);
    });

    test('leaving takes the pass away', async () => {
      const { headers } = await ask(own, '/.well-known/myserver/leave');
      assert.match(String(headers['set-cookie']), /^__Host-myserver=; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=0$/u);
    });

    test('the page of a stopped server has a button to start it, for who shows that they may', async () => {
      await edge.set(state('public', { routes: [{ ...route('public'), isUp: false }] }));
      const page = await ask(own, '/');
      assert.equal(page.status, 503);
      assert.match(page.body, new RegExp(`href="https://${portal}/\\.well-known/myserver/start\\?server=7"`, 'u'));
      const answer = await ask(portal, '/.well-known/myserver/start?server=7', {
        method: 'POST',
        headers: form,
        body: 'person=ada&password=right',
      });
      assert.equal(answer.status, 200);
      assert.deepEqual(started, [7]);
      await edge.set(state('shared'));
    });
  });
}
