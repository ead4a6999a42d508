import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';
import { parseServerId } from '../core/ids.ts';
import { parsePersonName } from '../core/names.ts';
import { parsePlan } from '../core/plan.ts';
import { makeApiRoom } from './api-room.testing.ts';
import { hostKeysOf, knownBy, knownHostsText } from './known-hosts.ts';

const owner = parsePersonName('ada');
const publicKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHdRnGqIJgjXFBiDIYV4bPSgIu5rnnuIrmKFWiVXq1fN root@server-7';

suite('known-hosts', () => {
  test('known_hosts gives the true key of each server to anybody, as ssh-keygen reads it', async () => {
    await using world = await makeApiRoom();
    await world.addPerson('ada');
    const created = await world.call('/api/v1/servers', { as: 'ada', body: { id: 123 } });
    const id = created.json<{ operations: { id: string }[] }>().operations[0]?.id ?? '';
    await world.call(`/api/v1/operations/${id}?waitSeconds=10`, { as: 'ada' });
    const detail = (await world.call('/api/v1/servers/123', { as: 'ada' })).json<{ hostKey: string }>();
    const reply = await world.call('/.well-known/myserver/known_hosts');
    assert.equal(reply.status, 200);
    assert.match(String(reply.headers['content-type']), /^text\/plain/u);
    assert.equal(reply.text, `[host.example]:2123 ${detail.hostKey.split(' ').slice(0, 2).join(' ')}\n`);
    const dir = await mkdtemp(join(tmpdir(), 'mys-'));
    try {
      await writeFile(join(dir, 'known_hosts'), reply.text);
      const found = await promisify(execFile)('ssh-keygen', ['-F', '[host.example]:2123', '-f', join(dir, 'known_hosts')]);
      assert.match(found.stdout, /found: line 1/u);
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  test('an IPv6 host, the plain port 22 and revoked keys are named as OpenSSH does, and IDs that the plan has no more are passed over', async () => {
    const facts = { publicHost: '2001:db8::1', plan: parsePlan({}), bastion: () => undefined };
    assert.equal(knownHostsText(await hostKeysOf(keys([7, 5000]), facts)), `[2001:db8::1]:2007 ${short}\n@revoked * ${short}\n`);
    const block = { name: 'ssh', privatePort: 22, base: 22, stride: 1 };
    const plan = parsePlan({ blocks: [block], ids: { first: 0, last: 0 } });
    assert.equal(
      knownHostsText(await hostKeysOf(keys([0]), { ...facts, publicHost: 'host', plan })),
      `host ${short}\n@revoked * ${short}\n`,
    );
  });

  test('the bastion is known by its own keys, without their comments', async () => {
    const bastion = () => ({ host: 'gate', port: 3022, hostKeys: [publicKey, 'ssh-rsa AAAA root@gate'] });
    const published = await hostKeysOf(keys([7]), { publicHost: 'gate', plan: parsePlan({}), bastion });
    assert.equal(knownHostsText(published), `[gate]:3022 ${short}\n[gate]:3022 ssh-rsa AAAA\n[gate]:2007 ${short}\n@revoked * ${short}\n`);
    assert.deepEqual(
      knownBy(published, 'myserver-gateway').hostKeys.map((one) => one.publicKey),
      [short, 'ssh-rsa AAAA'],
    );
  });

  test('knownBy finds a server by its alias and by host and port in any case, with what is revoked, and nothing for a stranger', async () => {
    const published = await hostKeysOf(keys([7, 8]), { publicHost: 'Host', plan: parsePlan({}), bastion: () => undefined });
    for (const name of ['server-7', '[host]:2007', '[HOST]:2007']) {
      const { hostKeys, revoked } = knownBy(published, name);
      assert.deepEqual([hostKeys.map((one) => one.serverId), revoked], [[7], [short]], name);
    }
    assert.deepEqual(knownBy(published, 'host'), { hostKeys: [], revoked: [] });
  });

  test('GET /host-keys answers anybody', async () => {
    await using world = await makeApiRoom();
    const reply = await world.call('/api/v1/host-keys?host=server-7');
    assert.deepEqual([reply.status, reply.json()], [200, { hostKeys: [], revoked: [] }]);
  });
});

const short = publicKey.split(' ').slice(0, 2).join(' ');

const keys = (ids: readonly number[]) => ({
  list: () => Promise.resolve(ids.map((id) => ({ owner, id: parseServerId(id), publicKey }))),
  revoked: () => Promise.resolve([{ publicKey, atMs: 0 }]),
});
