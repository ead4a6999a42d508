import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parseGeneration, parseServerId } from './ids.ts';
import type { PortPolicy } from './port-policy.ts';
import { makeWebMap, urlsOf, type WebRoute } from './web-route.ts';

const generation = parseGeneration('11111111-1111-4111-8111-111111111111');
const routeOf = (id: number, door: string, policy: PortPolicy = 'public'): WebRoute => ({
  id: parseServerId(id),
  generation,
  door,
  address: `192.168.10.${100 + id}`,
  port: door === 'www' ? 80 : 8000,
  policy,
  isUp: true,
});
const seven = routeOf(7, 'www');
const sevenUsr = routeOf(7, 'usr', 'off');
const map = makeWebMap({ routes: [seven, sevenUsr, routeOf(0, 'usr')] }, { domain: 'Example.org' });

suite("the web's map", () => {
  test('a path below a door and an ID leads to that port, whatever the name of the host', () => {
    for (const host of ['host.example', 'localhost:9080', '192.0.2.1', '[::1]:80', ''])
      assert.deepEqual(map.find(host, '/www/7/a?b=/usr/0/'), { kind: 'route', route: seven, prefix: '/www/7' });
  });

  test('without the slash behind the ID it leads there, query and all', () => {
    assert.deepEqual(map.find('h', '/www/7'), { kind: 'redirect', location: '/www/7/' });
    assert.deepEqual(map.find('h', '/www/7?a=b'), { kind: 'redirect', location: '/www/7/?a=b' });
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
      assert.deepEqual(map.find('host.example', target), { kind: 'own' }, target);
  });

  test('a server that is not there is nobody, and a port that is not public is not served', () => {
    assert.deepEqual(map.find('h', '/www/8/'), { kind: 'nobody', id: 8 });
    assert.deepEqual(map.find('h', '/usr/7/'), { kind: 'not-public', route: sevenUsr });
    assert.deepEqual(map.find('h', '/usr/7'), { kind: 'not-public', route: sevenUsr });
    assert.deepEqual(map.find('7.usr.example.org', '/'), { kind: 'not-public', route: sevenUsr });
  });

  test('a name below the domain is one port of one server, and no path on it leads to another', () => {
    for (const host of ['7.www.example.org', '7.WWW.example.ORG:9080', '7.www.example.org.'])
      assert.deepEqual(map.find(host, '/usr/0/'), { kind: 'route', route: seven, prefix: '' });
    assert.deepEqual(map.find('8.www.example.org', '/www/7/'), { kind: 'nobody', id: 8 });
    assert.deepEqual(map.find('x.7.www.example.org', '/www/7/'), { kind: 'nobody', id: undefined });
    assert.deepEqual(map.find('07.www.example.org', '/www/7/'), { kind: 'nobody', id: undefined });
  });

  test('a name that only looks like one below the domain is none', () => {
    for (const host of ['7.www.example.org.evil.example', '7.www.evil-example.org', '7.www.org', 'example.org', 'www.example.org'])
      assert.deepEqual(map.find(host, '/'), { kind: 'own' }, host);
  });

  test('people are told only addresses that answer', () => {
    const origins = { publicHost: 'host.example', domain: undefined, httpPort: 9080 };
    assert.deepEqual(urlsOf(origins, seven), ['http://host.example:9080/www/7/']);
    assert.deepEqual(urlsOf({ ...origins, domain: 'example.org', httpPort: 80 }, seven), [
      'http://host.example/www/7/',
      'http://7.www.example.org/',
    ]);
    assert.deepEqual(urlsOf({ ...origins, publicHost: '2001:db8::1' }, seven), ['http://[2001:db8::1]:9080/www/7/']);
    assert.deepEqual(urlsOf(origins, sevenUsr), []);
  });
});
