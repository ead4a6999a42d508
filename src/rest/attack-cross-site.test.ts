/** A page in a browser on this host sends requests to 127.0.0.1: one of another site, or one that root of a server serves from our own host name. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { makeApiRoom } from './api-room.testing.ts';

suite('guardAgainstPages against other sites', () => {
  test("guardAgainstPages refuses every Origin but the door's own and the configured ones", async () => {
    await using world = await makeApiRoom({ config: { origins: ['https://portal.example'] } });
    await world.addPerson('ada');
    const { host } = new URL(world.url);
    for (const origin of ['https://evil.example', 'null', 'http://localhost:8123', 'http://127.0.0.1:8123', `https://${host}`]) {
      const reply = await world.call('/api/v1/servers', { as: 'ada', body: {}, headers: { origin } });
      assert.equal(reply.status, 403, origin);
    }
    assert.deepEqual(await world.room.store.servers.list(), []);
    for (const origin of [world.url, 'https://portal.example'])
      assert.equal((await world.call('/api/v1/me', { as: 'ada', headers: { origin } })).status, 200, origin);
  });

  test('guardAgainstPages refuses what a browser says comes from another site without naming an origin', async () => {
    await using world = await makeApiRoom();
    await world.addPerson('ada');
    for (const site of ['cross-site', 'same-site'])
      assert.equal((await world.call('/api/v1/me', { as: 'ada', headers: { 'sec-fetch-site': site } })).status, 403, site);
    for (const site of ['none', 'same-origin'])
      assert.equal((await world.call('/api/v1/me', { as: 'ada', headers: { 'sec-fetch-site': site } })).status, 200, site);
  });

  test('takeOnlyJson refuses the content types that a page may send without asking first', async () => {
    await using world = await makeApiRoom();
    await world.addPerson('ada');
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'text/plain; application/json',
    ]) {
      const reply = await world.call('/api/v1/servers', { as: 'ada', raw: '{}', headers: { 'content-type': type } });
      assert.equal(reply.problem().code, 'bad-request', type);
    }
    assert.deepEqual(await world.room.store.servers.list(), []);
  });

  test('answerTo asks no browser for a password, which it would then send by itself', async () => {
    await using world = await makeApiRoom();
    const reply = await world.call('/api/v1/me');
    assert.equal(reply.status, 401);
    assert.match(String(reply.headers['www-authenticate']), /^Bearer/u);
  });
});
