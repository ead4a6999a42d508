/** A stranger's page whose name suddenly resolves to 127.0.0.1 is, to the browser, of the same origin as our API. Only the Host header tells. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { suite, test } from 'node:test';
import { makeApiRoom } from './api-room.testing.ts';

suite('guardAgainstPages against DNS rebinding', () => {
  test('guardAgainstPages refuses a Host that is no name of ours, with good credentials and without', async () => {
    await using world = await makeApiRoom({ config: { names: ['manager.lab.example'] } });
    await world.addPerson('ada');
    for (const host of [
      'evil.example',
      'evil.example:9440',
      '127.0.0.1.evil.example',
      'localhost.evil.example',
      '127.0.0.2',
      '[::2]:9440',
    ]) {
      for (const path of ['/api/v1/me', '/api/v1/health', '/.well-known/myserver/known_hosts', '/api/v1/openapi.json', '/nothing']) {
        const reply = await world.call(path, { as: 'ada', headers: { host } });
        assert.equal(reply.status, 403, `${host} ${path}`);
        assert.equal(reply.problem().code, 'not-allowed');
      }
    }
  });

  test('guardAgainstPages lets the loopback names and the configured ones through, with any port', async () => {
    await using world = await makeApiRoom({ config: { names: ['manager.lab.example'] } });
    for (const host of ['localhost', 'LOCALHOST:9440', '127.0.0.1:1', '[::1]:9440', 'manager.lab.example:443']) {
      assert.equal((await world.call('/api/v1/health', { headers: { host } })).status, 200, host);
    }
  });

  test('guardAgainstPages refuses a request without any Host', async () => {
    await using world = await makeApiRoom();
    const socket = connect(Number(new URL(world.url).port), '127.0.0.1');
    socket.write('GET /api/v1/health HTTP/1.0\r\n\r\n');
    assert.match((await text(socket)).split('\r\n')[0] ?? '', /^HTTP\/1\.1 403 /u);
  });
});
