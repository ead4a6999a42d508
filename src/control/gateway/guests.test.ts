/** People without an account, by a server's own users: how far that goes, and that it goes no further. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { rootCaller } from '../../testing/control-room.ts';
import { makeStrangeGateway, type StrangeGateway } from './strange-gateway.testing.ts';

const fromAddress = '203.0.113.9';

async function withServer() {
  const strange = await makeStrangeGateway();
  const { room } = strange.room;
  await strange.room.addPerson('ada');
  const created = await room.control.servers.create(await room.as('ada'), {});
  const id = created.servers[0]?.record.id ?? -1;
  for (let each = 0; each < 500; each += 1) {
    if ((await room.control.servers.get(rootCaller, id)).record.wanted === 'running') break;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return { strange, id, control: room.control };
}

const enter = async ({ link }: StrangeGateway, server: number, user = 'root', from = fromAddress) =>
  await link.call('guestEnter', { body: { server, user, fromAddress: from } });
const refused = { code: 'not-allowed', message: /is not there, or not open to everybody/u };

suite('without an account', () => {
  test('the way to a server’s SSH is told, without the gateway’s key and without its owner’s secrets', async () => {
    const { strange, id } = await withServer();
    await using _strange = strange;
    const { place, credential } = await enter(strange, id);
    assert.deepEqual([place.id, place.gatewayKey], [id, null]);
    assert.match(credential, /^mygw_/u);
  });

  test('a server that is not there, is stopped, or whose SSH is not public is refused in the same words', async () => {
    const { strange, id, control } = await withServer();
    await using _strange = strange;
    await assert.rejects(enter(strange, id + 1), refused);
    await control.servers.change(rootCaller, id, { ports: { ssh: 'shared' } });
    await assert.rejects(enter(strange, id), refused);
    await control.servers.change(rootCaller, id, { ports: { ssh: 'default' } });
    await enter(strange, id);
    await control.servers.stop(rootCaller, id);
    await assert.rejects(enter(strange, id), refused);
  });

  test('attack: what a guest was given is no right at anything else, nor at that server’s first user', async () => {
    const { strange, id } = await withServer();
    await using _strange = strange;
    const { place, credential } = await enter(strange, id);
    const { link } = strange;
    const asked = { credential, generation: place.generation, signedData: 'AAAA' };
    await assert.rejects(link.call('place', { body: { credential, server: String(id) } }), { code: 'not-signed-in' });
    await assert.rejects(link.call('sign', { body: asked }), { code: 'not-signed-in' });
    await assert.rejects(link.call('destination', { body: { credential, host: `server-${id}`, port: 22 } }), { code: 'not-signed-in' });
    await assert.rejects(link.clientFor(credential).call('listServers', { query: {} }), { code: 'not-signed-in' });
  });

  test('attack: guesses are slowed down, also those that were begun before', async () => {
    const { strange, id } = await withServer();
    await using _strange = strange;
    const { link } = strange;
    const { credential } = await enter(strange, id);
    const waiting = await enter(strange, id);
    for (let guess = 0; guess < 5; guess += 1) {
      await link.call('guestTry', { body: { credential, what: 'try' } });
      await link.call('guestTry', { body: { credential, what: 'wrong' } });
    }
    await assert.rejects(link.call('guestTry', { body: { credential: waiting.credential, what: 'try' } }), { code: 'too-many-tries' });
    await assert.rejects(enter(strange, id), { code: 'too-many-tries' });
    await enter(strange, id, 'root', '198.51.100.7');
  });

  test('each try is a line in the audit, with the server, the user and the address', async () => {
    const { strange, id } = await withServer();
    await using _strange = strange;
    const { credential } = await enter(strange, id, 'grace');
    for (const what of ['wrong', 'right'] as const) await strange.link.call('guestTry', { body: { credential, what } });
    const lines = await strange.room.people.audit.list(rootCaller, { server: id });
    const tries = lines.filter(({ deed }) => deed === 'guest-sign-in');
    assert.deepEqual(
      tries
        .map(({ person, fromAddress: from, allowed, detail }) => [person, from, allowed, detail])
        .toSorted(([, , one], [, , other]) => Number(one) - Number(other)),
      [
        [undefined, fromAddress, false, 'a wrong password of grace'],
        [undefined, fromAddress, true, "as grace, by that user's own password"],
      ],
    );
  });

  test('a live session is its server’s owner’s to see and to end, and ends when the server is open no longer', async () => {
    const { strange, id, control } = await withServer();
    await using _strange = strange;
    const { link } = strange;
    const { credential, place } = await enter(strange, id);
    const session = {
      id: 'aaaa',
      credential,
      kind: 'terminal',
      generation: place.generation,
      detail: 'in a browser',
      sinceMs: 1,
      bytesIn: 0,
      bytesOut: 0,
    };
    const tell = async (change: object = {}) =>
      await link.call('live', { params: { worker: 'w' }, body: { sessions: [{ ...session, ...change }], bastion: { port: 22 } } });
    assert.deepEqual(await tell(), { end: [] });
    const [shown] = await strange.room.gateway.live.list(await strange.room.room.as('ada'));
    assert.deepEqual([shown?.person, shown?.serverId, shown?.fromAddress], [undefined, id, fromAddress]);
    assert.match((await tell({ generation: null })).end[0]?.reason ?? '', /counts no more/u);
    await control.servers.change(rootCaller, id, { ports: { ssh: 'off' } });
    assert.match((await tell()).end[0]?.reason ?? '', /not open to everybody any more/u);
  });
});
