import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { loadConfig, readConfig } from './config.ts';

suite('readConfig', () => {
  test('readConfig gives every field a default', () => {
    const config = readConfig({});
    assert.equal(config.api.port, 9440);
    assert.deepEqual(config.bastion, { isEnabled: true, port: undefined, userAuthorities: [], destinations: [], recording: 'owner' });
    const recordings = { dir: '/var/lib/myserver-gateway/recordings', keptMs: 30 * 86_400_000, mostBytes: 100 * 2 ** 20 };
    assert.deepEqual(config.gateway, { user: 'myserver-gateway', workers: 0, host: undefined, drainMs: 86_400_000, recordings });
    assert.equal(config.plan.config.network, '192.168.0.0/16');
    assert.deepEqual(config.quota, { servers: 10, cpus: 16, memoryBytes: 16 * 2 ** 30, diskBytes: 100 * 2 ** 30 });
    assert.deepEqual(config.tokens, { lifetimeMs: 12 * 3_600_000, longestMs: 90 * 86_400_000 });
    assert.equal(config.audit.keptMs, 400 * 86_400_000);
    assert.deepEqual(config.defaults.limits, { memoryBytes: 512 * 2 ** 20, cpus: 1, diskBytes: 5 * 2 ** 30 });
  });

  test('readConfig reads sizes as people write them', () => {
    assert.equal(readConfig({ defaults: { memory: '1G' } }).defaults.limits.memoryBytes, 2 ** 30);
    assert.throws(() => readConfig({ defaults: { memory: 'a lot' } }), { code: 'bad-size' });
    assert.throws(() => readConfig({ defaults: { cpus: 0 } }), { code: 'bad-size' });
  });

  test('readConfig reads for how many days the audit is kept, which is never none at all', () => {
    assert.equal(readConfig({ audit: { keepDays: 0.5 } }).audit.keptMs, 43_200_000);
    assert.throws(() => readConfig({ audit: { keepDays: 0 } }), { code: 'bad-configuration', message: /audit\.keepDays/u });
  });

  test('readConfig reads who may want recordings, and takes no path that a unit of systemd would read otherwise', () => {
    assert.equal(readConfig({ gateway: { recordingSize: '1G' } }).gateway.recordings.mostBytes, 2 ** 30);
    assert.equal(readConfig({ bastion: { recording: 'all' } }).bastion.recording, 'all');
    assert.throws(() => readConfig({ bastion: { recording: 'some' } }), { code: 'bad-configuration', message: /bastion\.recording/u });
    for (const recordingsDir of ['recordings', '/recordings', '/a b/recordings', '/srv/%i/recordings', '/srv/x\nReadWritePaths=/'])
      assert.throws(() => readConfig({ gateway: { recordingsDir } }), { code: 'bad-configuration' }, recordingsDir);
  });

  test('readConfig refuses misspelt and ill-typed fields and names them', () => {
    assert.throws(() => readConfig({ publichost: 'x' }), { code: 'bad-configuration' });
    assert.throws(() => readConfig({ api: { prot: 1 } }), { code: 'bad-configuration', message: /api/u });
    assert.throws(() => readConfig({ api: { port: 0 } }), { code: 'bad-configuration', message: /api\.port/u });
    assert.throws(() => readConfig([]), { code: 'bad-configuration' });
  });
});

suite('loadConfig', () => {
  test('loadConfig takes an absent file for an empty one and names a broken one', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'myserver-config-'));
    try {
      assert.equal((await loadConfig(join(dir, 'absent.json'))).runDir, '/run/myserver');
      const path = join(dir, 'config.json');
      await writeFile(path, '{ "plan": { "preset": "spiral" } }');
      await assert.rejects(loadConfig(path), (error: Error) => error.message.includes(path) && error.message.includes('spiral'));
      await writeFile(path, '{');
      await assert.rejects(loadConfig(path), { code: 'bad-configuration' });
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  test('readConfig takes a list of destinations beyond the servers, and none that leads to the host, a metadata service or past a decision', () => {
    const destination = { address: '10.1.2.3', port: 443, group: 'staff-room', names: ['Intranet.Example'] };
    assert.deepEqual(readConfig({ bastion: { destinations: [destination] } }).bastion.destinations, [
      { ...destination, names: ['intranet.example'] },
    ]);
    for (const address of ['127.0.0.1', '0.0.0.0', '169.254.169.254', '192.168.11.123', '224.0.0.1', '0x7f.1', 'localhost', '::1'])
      assert.throws(() => readConfig({ bastion: { destinations: [{ address, port: 80 }] } }), { code: 'bad-configuration' }, address);
    assert.throws(() => readConfig({ bastion: { userAuthorities: ['no key'] } }), { code: 'bad-key' });
  });

  test('readConfig takes proxies to trust, and neither everybody nor the servers themselves', () => {
    const trusted = ['127.0.0.1', '192.0.2.0/24', '2001:db8::/32', '::1'];
    assert.deepEqual(readConfig({ web: { trustedProxies: trusted } }).web.trustedProxies, trusted);
    for (const one of [
      '0.0.0.0/0',
      '192.168.11.0/24',
      '192.0.0.0/8',
      '192.0.2.7/24',
      '::/0',
      '::/8',
      '::ffff:0:0/96',
      '0:0::/16',
      'fe80::/200',
      'ab',
      '1.2.3',
    ])
      assert.throws(() => readConfig({ web: { trustedProxies: [one] } }), { code: 'bad-configuration', message: /trustedProxies/u }, one);
  });

  test('readConfig takes the PROXY protocol where HAProxy may be and somebody is to speak it', () => {
    const trustedProxies = ['192.0.2.7'];
    assert.equal(readConfig({ web: { trustedProxies, proxyProtocol: true } }).web.hasProxyProtocol, true);
    for (const web of [{ proxyProtocol: true }, { proxyProtocol: true, trustedProxies, edge: 'embedded' }])
      assert.throws(() => readConfig({ web }), { code: 'bad-configuration', message: /proxyProtocol/u });
  });
});
