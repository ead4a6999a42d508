import assert from 'node:assert/strict';
import { once } from 'node:events';
import { lstat, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite, test } from 'node:test';
import { makeApiRoom } from './api-room.testing.ts';
import { listenPrivately } from './private-socket.ts';

suite('private-socket', () => {
  test('listenPrivately makes a socket for its owner alone, beside which nothing is left', async () => {
    await using world = await makeApiRoom();
    const found = await lstat(world.socketPath);
    assert.ok(found.isSocket());
    assert.equal(found.mode & 0o777, 0o600);
    assert.deepEqual(await readdir(dirname(world.socketPath)), ['root.sock']);
    const me = (await world.asRoot('/api/v1/me')).json<{ isRoot: boolean; name: null }>();
    assert.equal(me.isRoot, true);
    assert.equal(me.name, null);
  });

  test('listenPrivately lets the members of a group in beside root, and nobody else', async () => {
    await using world = await makeApiRoom();
    const path = join(dirname(world.socketPath), 'gateway.sock');
    const server = createServer();
    const remove = await listenPrivately(server, { path, groupId: 65_534 });
    const found = await lstat(path);
    assert.deepEqual([found.mode & 0o777, found.uid, found.gid], [0o660, 0, 65_534]);
    await remove();
    server.close();
  });

  test("root's door notes the command line as such, and nothing else that a header claims", async () => {
    await using world = await makeApiRoom();
    for (const via of ['cli', 'control', 'nonsense'])
      await world.asRoot('/api/v1/groups', { body: { name: `group-${via}` }, headers: { 'x-myserver-via': via } });
    const lines = await world.room.store.audit.list({ deed: 'group-add' });
    assert.deepEqual(lines.map(({ via, detail }) => `${detail} ${via}`).toSorted(), [
      'group-cli cli',
      'group-control root',
      'group-nonsense root',
    ]);
  });

  test('listenPrivately leaves a socket alone on which somebody answers', async () => {
    await using world = await makeApiRoom();
    await assert.rejects(listenPrivately(createServer(), { path: world.socketPath }), { code: 'busy' });
    assert.equal((await world.asRoot('/api/v1/health')).status, 200);
  });

  test('listenPrivately takes the place of a socket whose process was killed, and of a file', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'mys-'));
    try {
      const path = join(dir, 'root.sock');
      const child = spawn(process.execPath, [
        '-e',
        `require('net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`,
      ]);
      await once(child.stdout, 'data');
      child.kill('SIGKILL');
      await once(child, 'exit');
      assert.ok((await lstat(path)).isSocket());
      for (const prepare of [() => Promise.resolve(), () => writeFile(path, 'no socket')]) {
        await prepare();
        const server = createServer((_request, response) => response.end('here'));
        const remove = await listenPrivately(server, { path });
        assert.ok((await lstat(path)).isSocket());
        await remove();
        server.close();
        assert.deepEqual(await readdir(dir), []);
      }
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  test('listenPrivately says what is wrong when the directory is missing', async () => {
    await assert.rejects(listenPrivately(createServer(), { path: '/nonexistent-myserver/root.sock' }), { code: 'bad-configuration' });
  });
});
