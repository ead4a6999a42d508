/** Who may see recordings, and who may want them. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import type { AuditLineView, RecordingView, ServerDetail } from '../contract/schemas.ts';
import { type ApiRoom, makeApiRoom } from './api-room.testing.ts';

const header = '{"version":2,"width":80,"height":24,"myserver":{"person":"guest"}}\n';
const gone = '20261125T202201Z_1f0c9a2b_00000000-0000-4000-8000-000000000001';

/** Server 0 is ada's, with one recording; another one's server is gone. */
async function makeRoom(): Promise<ApiRoom & { readonly name: string }> {
  const world = await makeApiRoom();
  for (const person of ['ada', 'bob']) await world.addPerson(person);
  await world.addPerson('king', { role: 'administrator' });
  const made = await world.call('/api/v1/servers', { as: 'ada', body: {} });
  const { operations } = made.json<{ operations: readonly { id: string; generation: string }[] }>();
  await world.room.control.operations.wait(await world.room.as('ada'), operations[0]?.id ?? '', 10_000);
  const name = `20261125T202202Z_1f0c9a2b_${operations[0]?.generation}`;
  await mkdir(world.room.recordingsDir);
  for (const one of [name, gone]) await writeFile(join(world.room.recordingsDir, `${one}.cast`), header);
  return { ...world, name };
}

async function listed(world: ApiRoom, as: string, query = ''): Promise<readonly RecordingView[]> {
  return (await world.call(`/api/v1/recordings${query}`, { as })).json<{ recordings: readonly RecordingView[] }>().recordings;
}

suite('recordings', () => {
  test('the owner sees those of the server, administrators all, and nobody else any', async () => {
    await using world = await makeRoom();
    const [own] = await listed(world, 'ada');
    assert.deepEqual(
      { ...own, generation: '' },
      { name: world.name, serverId: 0, generation: '', person: 'guest', startedAt: '2026-11-25T20:22:02.000Z', bytes: header.length },
    );
    assert.deepEqual(
      (await listed(world, 'king')).map(({ name, serverId }) => [name, serverId]),
      [
        [gone, null],
        [world.name, 0],
      ],
    );
    assert.equal((await listed(world, 'king', '?server=0')).length, 1);
    assert.deepEqual(await listed(world, 'bob'), []);
    assert.equal((await world.call('/api/v1/recordings?server=0', { as: 'bob' })).problem().code, 'no-such-server');
  });

  test('nobody else reads or removes one, with whatever right below the owner’s, and every reading is in the audit', async () => {
    await using world = await makeRoom();
    const path = `/api/v1/recordings/${world.name}`;
    const codeFor = async (as: string, method: string, at = path) => (await world.call(at, { as, method })).problem().code;
    for (const method of ['GET', 'DELETE']) {
      assert.equal(await codeFor('bob', method), 'no-such-server');
      assert.equal(await codeFor('ada', method, `/api/v1/recordings/${gone}`), 'not-found');
      assert.equal(await codeFor('ada', method, `/api/v1/recordings/${encodeURIComponent('../store.db')}`), 'bad-request');
    }
    const grant = { subject: { kind: 'person', name: 'bob' }, target: { kind: 'server', id: 0 }, right: 'control' };
    assert.equal((await world.call('/api/v1/grants', { as: 'ada', body: grant })).status, 201);
    for (const method of ['GET', 'DELETE']) assert.equal(await codeFor('bob', method), 'not-allowed');
    assert.deepEqual((await world.call(path, { as: 'ada' })).json(), { text: header, next: null });
    assert.deepEqual((await world.call(`/api/v1/recordings/${gone}`, { as: 'king' })).json(), { text: header, next: null });
    assert.equal((await world.call(path, { as: 'ada', method: 'DELETE' })).status, 204);
    assert.equal(await codeFor('ada', 'DELETE'), 'not-found');
    const { lines } = (await world.call('/api/v1/audit', { as: 'king' })).json<{ lines: readonly AuditLineView[] }>();
    const told = lines
      .filter(({ deed, allowed }) => allowed && deed.startsWith('recording-'))
      .map(({ person, deed, detail }) => [person, deed, detail]);
    assert.deepEqual(told, [
      ['ada', 'recording-remove', world.name],
      ['king', 'recording-show', gone],
      ['ada', 'recording-show', world.name],
    ]);
  });

  test('the owner says whether a server is recorded, and nobody with less than everything', async () => {
    await using world = await makeRoom();
    const set = async (as: string, record: boolean) => await world.call('/api/v1/servers/0', { as, method: 'PATCH', body: { record } });
    const seen = async () => {
      const { record, recordedBy } = (await world.call('/api/v1/servers/0', { as: 'ada' })).json<ServerDetail>();
      return [record, recordedBy];
    };
    assert.deepEqual(await seen(), [false, null]);
    const grant = { subject: { kind: 'person', name: 'bob' }, target: { kind: 'server', id: 0 }, right: 'control' };
    await world.call('/api/v1/grants', { as: 'ada', body: grant });
    assert.equal((await set('bob', true)).problem().code, 'not-allowed');
    assert.equal((await set('ada', true)).status, 200);
    assert.deepEqual(await seen(), [true, 'owner']);
    assert.equal((await set('ada', false)).status, 200);
    assert.deepEqual(await seen(), [false, null]);
  });
});
