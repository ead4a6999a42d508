import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { parseGeneration, parseServerId } from '../../core/ids.ts';
import { nothingOnTheWeb } from '../../core/web-route.ts';
import { haproxyConfig, type HaproxyConfigOptions } from './config.ts';
import { haproxyFiles } from './files.ts';
import { mapsOf } from './maps.ts';

const options: HaproxyConfigOptions = {
  files: haproxyFiles('/state/edge'),
  origins: {
    publicHost: 'host.example.org',
    domain: 'pages.example.org',
    ports: { http: 80, https: 443, content: undefined },
    isHttpsOnly: false,
  },
  network: '192.168.0.0/16',
  ports: { http: 80, https: 443, content: undefined },
  hosts: ['0.0.0.0', '[::]'],
  gatewaySocket: '/run/web/edge.sock',
  failedSocket: '/run/web/edge-failed.sock',
  account: { user: 'haproxy', group: 'haproxy' },
  trustedProxies: [],
  hasProxyProtocol: false,
  answerMs: 60_000,
  headMs: 10_000,
  mostConnections: 500,
  hasTls: true,
};

suite('the configuration of HAProxy', () => {
  test('it is as in the golden file (UPDATE_GOLDEN=1 writes it)', async () => {
    const file = new URL('golden/haproxy.cfg', import.meta.url);
    const text = haproxyConfig(options);
    if (process.env['UPDATE_GOLDEN'] === '1') await writeFile(file, text);
    assert.equal(text, await readFile(file, 'utf8'));
  });

  test('without a certificate it listens by HTTP alone, and where HTTP only leads to HTTPS no request by it reaches a server', () => {
    assert.doesNotMatch(haproxyConfig({ ...options, hasTls: false }), /ssl crt-list/u);
    const only = haproxyConfig({ ...options, origins: { ...options.origins, isHttpsOnly: true } });
    const [, http = ''] = only.split(/^frontend /mu);
    assert.match(http, /^http\n/u);
    assert.doesNotMatch(http, /use_backend/u);
  });

  test('its maps have what is open to somebody, and nothing else', () => {
    const generation = parseGeneration('11111111-1111-4111-8111-111111111111');
    const route = {
      id: parseServerId(7),
      generation,
      door: 'www',
      address: '192.168.10.107',
      port: 80,
      policy: 'public',
      repair: 'auto',
      isUp: true,
    } as const;
    const maps = mapsOf({
      ...nothingOnTheWeb,
      routes: [
        route,
        { ...route, door: 'usr', policy: 'off' },
        { ...route, id: parseServerId(8), isUp: false },
        { ...route, id: parseServerId(9), policy: 'shared' },
      ],
      domains: [{ name: 'own.example.com', generation, door: 'www' }],
      stamps: [{ subject: 'ada', stamp: 'one' }],
      readers: [{ generation, subjects: ['ada', 'bob'] }],
    });
    assert.deepEqual(maps.routes, [
      `www/7 192.168.10.107|80|public|${generation}|auto`,
      `www/9 192.168.10.107|80|shared|${generation}|auto`,
    ]);
    assert.deepEqual(maps.people, ['ada one']);
    assert.deepEqual(maps.readers, [`${generation}/ada 1`, `${generation}/bob 1`]);
  });
});
