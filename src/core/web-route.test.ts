import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parseGeneration, parseServerId } from './ids.ts';
import type { PortPolicy } from './port-policy.ts';
import { type WebOrigins } from './web-origins.ts';
import { makeWebMap, type WebRoute } from './web-route.ts';

const generation = parseGeneration('11111111-1111-4111-8111-111111111111');
const routeOf = (id: number, door: string, policy: PortPolicy = 'public'): WebRoute => ({
  id: parseServerId(id),
  generation,
  door,
  address: `192.168.10.${100 + id}`,
  port: door === 'www' ? 80 : 8000,
  policy,
  repair: 'auto',
  isUp: true,
});
const seven = routeOf(7, 'www');
const sevenUsr = routeOf(7, 'usr', 'off');
const plain: WebOrigins = {
  publicHost: 'host.example',
  domain: 'Example.org',
  ports: { http: 80, https: undefined, content: undefined },
  isHttpsOnly: false,
};
const secure: WebOrigins = { ...plain, ports: { http: 80, https: 443, content: undefined } };
const routes = [seven, sevenUsr, routeOf(0, 'usr')];
const map = makeWebMap({ routes, domains: [] }, plain);

suite("the web's map", () => {
  test('a path below a door and an ID leads to that port, whatever the name of the host', () => {
    for (const host of ['host.example', 'localhost:9080', '192.0.2.1', '[::1]:80', ''])
      assert.deepEqual(map.find('http', host, '/www/7/a?b=/usr/0/'), { kind: 'route', route: seven, prefix: '/www/7' });
  });

  test('without the slash behind the ID it leads there, query and all', () => {
    assert.deepEqual(map.find('http', 'h', '/www/7'), { kind: 'redirect', status: 308, location: '/www/7/' });
    assert.deepEqual(map.find('http', 'h', '/www/7?a=b'), { kind: 'redirect', status: 308, location: '/www/7/?a=b' });
  });

  test('an ID is written one way only, and whatever else is ours', () => {
    for (const target of [
      '/www/07/',
      '/www/7x/',
      '/www/+7/',
      '/www/%37/',
      '/www/123456/',
      '/WWW/7/',
      '//www/7/',
      '/',
      '/www/',
      '/ssh/7/',
      '/www//7/',
    ])
      assert.deepEqual(map.find('http', 'host.example', target), { kind: 'own' }, target);
  });

  test('a server that is not there is nobody, and a port that is not public is not served', () => {
    assert.deepEqual(map.find('http', 'h', '/www/8/'), { kind: 'nobody', id: 8 });
    assert.deepEqual(map.find('http', 'h', '/usr/7/'), { kind: 'not-public', route: sevenUsr });
    assert.deepEqual(map.find('http', 'h', '/usr/7'), { kind: 'not-public', route: sevenUsr });
    assert.deepEqual(map.find('http', '7.usr.example.org', '/'), { kind: 'not-public', route: sevenUsr });
  });

  test('a name below the domain is one port of one server, and no path on it leads to another', () => {
    for (const host of ['7.www.example.org', '7.WWW.example.ORG:9080', '7.www.example.org.'])
      assert.deepEqual(map.find('http', host, '/usr/0/'), { kind: 'route', route: seven, prefix: '' });
    assert.deepEqual(map.find('http', '8.www.example.org', '/www/7/'), { kind: 'nobody', id: 8 });
    assert.deepEqual(map.find('http', 'x.7.www.example.org', '/www/7/'), { kind: 'nobody', id: undefined });
    assert.deepEqual(map.find('http', '07.www.example.org', '/www/7/'), { kind: 'nobody', id: undefined });
  });

  test('a name that only looks like one below the domain is none', () => {
    for (const host of ['7.www.example.org.evil.example', '7.www.evil-example.org', '7.www.org', 'example.org', 'www.example.org'])
      assert.deepEqual(map.find('http', host, '/'), { kind: 'own' }, host);
  });
});

suite("the web's map by HTTPS", () => {
  const map443 = makeWebMap({ routes, domains: [] }, secure);
  const without = makeWebMap({ routes, domains: [] }, { ...secure, domain: undefined, ports: { http: 9080, https: 9443, content: 9444 } });

  test('on our own name, servers’ pages are elsewhere: there is nothing of theirs beside ours', () => {
    assert.deepEqual(map443.find('https', 'host.example', '/www/7/a?b'), {
      kind: 'redirect',
      status: 307,
      location: 'https://www.example.org/www/7/a?b',
    });
    assert.deepEqual(without.find('https', 'h:9443', '/www/7/'), {
      kind: 'redirect',
      status: 307,
      location: 'https://host.example:9444/www/7/',
    });
    assert.deepEqual(map443.find('https', 'host.example', '/'), { kind: 'own' });
  });

  test('where they are, there is nothing of ours', () => {
    assert.deepEqual(map443.find('https', 'WWW.example.org:443', '/www/7/a'), { kind: 'route', route: seven, prefix: '/www/7' });
    assert.deepEqual(map443.find('https', 'www.example.org', '/'), { kind: 'nobody', id: undefined });
    assert.deepEqual(without.find('content', 'h:9444', '/www/7'), { kind: 'redirect', status: 308, location: '/www/7/' });
    assert.deepEqual(without.find('content', 'h:9444', '/.well-known/myserver/sign-in'), { kind: 'nobody', id: undefined });
  });

  test('a port for chosen people is at its own origin alone, and every other way leads there', () => {
    const own = routeOf(5, 'usr', 'shared');
    const map5 = makeWebMap({ routes: [own], domains: [] }, secure);
    const there = { kind: 'redirect', status: 307, location: 'https://5.usr.example.org/a?b' };
    assert.deepEqual(map5.find('https', '5.usr.example.org', '/a'), { kind: 'private', route: own });
    assert.deepEqual(map5.find('http', '5.usr.example.org', '/a?b'), there);
    assert.deepEqual(map5.find('http', 'host.example', '/usr/5/a?b'), there);
    assert.deepEqual(map5.find('https', 'www.example.org', '/usr/5/a?b'), there);
    assert.deepEqual(makeWebMap({ routes: [own], domains: [] }, plain).find('http', '5.usr.example.org', '/'), {
      kind: 'not-public',
      route: own,
    });
  });

  test('a server’s own name is the same by both', () => {
    assert.deepEqual(map443.find('https', '7.www.example.org', '/usr/0/'), { kind: 'route', route: seven, prefix: '' });
  });

  test('where plain HTTP only leads to HTTPS, every address has its place there', () => {
    const only = makeWebMap({ routes, domains: [] }, { ...secure, isHttpsOnly: true });
    const location = (host: string, target: string) => only.find('http', host, target);
    assert.deepEqual(location('host.example', '/a'), { kind: 'redirect', status: 308, location: 'https://host.example/a' });
    assert.deepEqual(location('any.example', '/www/7/a?b'), {
      kind: 'redirect',
      status: 308,
      location: 'https://www.example.org/www/7/a?b',
    });
    assert.deepEqual(location('7.usr.example.org:80', '/a'), { kind: 'redirect', status: 308, location: 'https://7.usr.example.org/a' });
  });
});

suite('domains of servers', () => {
  const domains = [{ name: 'own.example', generation, door: 'www' }];
  const owned = makeWebMap({ routes, domains }, secure);

  test('a name of the DNS that a server has of its own is all of that port', () => {
    for (const listener of ['http', 'https'] as const)
      assert.deepEqual(owned.find(listener, 'OWN.example.:80', '/usr/0/a'), { kind: 'route', route: seven, prefix: '' });
    assert.deepEqual(owned.find('http', 'x.own.example', '/'), { kind: 'own' });
    assert.deepEqual(owned.find('content', 'own.example', '/'), { kind: 'nobody', id: undefined });
  });

  test('it ends with the server, and leads to signing in where the port is not public', () => {
    assert.deepEqual(makeWebMap({ routes: [], domains }, secure).find('http', 'own.example', '/'), { kind: 'own' });
    const shared = makeWebMap({ routes: [routeOf(7, 'www', 'shared')], domains }, secure);
    assert.deepEqual(shared.find('https', 'own.example', '/a'), { kind: 'redirect', status: 307, location: 'https://7.www.example.org/a' });
  });
});
