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
import { knownHostsText } from './known-hosts.ts';

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

  test('knownHostsText names an IPv6 host, the plain port 22, and revoked keys, and passes over IDs that the plan has no more', async () => {
    const keys = (ids: readonly number[]) => ({
      list: () => Promise.resolve(ids.map((id) => ({ owner, id: parseServerId(id), publicKey }))),
      revoked: () => Promise.resolve([{ publicKey, atMs: 0 }]),
    });
    const short = publicKey.split(' ').slice(0, 2).join(' ');
    const facts = { version: '', publicHost: '2001:db8::1', plan: parsePlan({}) };
    assert.equal(await knownHostsText(keys([7, 5000]), facts), `[2001:db8::1]:2007 ${short}\n@revoked * ${short}\n`);
    const block = { name: 'ssh', privatePort: 22, base: 22, stride: 1 };
    const plan = parsePlan({ blocks: [block], ids: { first: 0, last: 0 } });
    assert.equal(await knownHostsText(keys([0]), { ...facts, publicHost: 'host', plan }), `host ${short}\n@revoked * ${short}\n`);
  });
});
