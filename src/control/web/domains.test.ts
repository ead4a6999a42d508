import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { WebOrigins } from '../../core/web-origins.ts';
import { type ControlRoom, makeControlRoom } from '../../testing/control-room.ts';
import type { Caller } from '../caller.ts';

const web: WebOrigins = {
  publicHost: 'host.example',
  domain: 'pages.example',
  ports: { http: 80, https: 443, content: undefined },
  isHttpsOnly: false,
};

async function makeOne(room: ControlRoom, caller: Caller, id: number): Promise<void> {
  const { operations } = await room.control.servers.create(caller, { id });
  assert.equal((await room.control.operations.wait(caller, operations[0]?.id ?? '', 10_000)).state, 'done');
}

/** Two people with a server each, and a DNS. */
async function withTwo() {
  const zone = new Map<string, readonly string[]>();
  const room = await makeControlRoom({ web, lookupTxt: (name) => Promise.resolve(zone.get(name) ?? []) });
  const [ada, bob] = [await room.as('ada'), await room.as('bob')];
  await makeOne(room, ada, 1);
  await makeOne(room, bob, 2);
  const served = () => room.control.web.state().domains.map(({ name, generation, door }) => `${name} ${generation} ${door}`);
  const { domains } = room.control;
  return { room, zone, ada, bob, served, domains, [Symbol.asyncDispose]: async () => await room[Symbol.asyncDispose]() };
}

suite('domains of servers', () => {
  test('a name is served once its zone has said so, and no sooner', async () => {
    await using two = await withTwo();
    const { domains, ada, zone, served, room } = two;
    const { domain, proof } = await domains.add(ada, 1, { name: 'Own.example.com', door: 'usr' });
    assert.deepEqual([domain.name, domain.isProven, proof.name], ['own.example.com', false, '_myserver-challenge.own.example.com']);
    assert.deepEqual(served(), []);
    await assert.rejects(domains.check(ada, 'own.example.com'), {
      code: 'not-proven',
      message: /there is no TXT record; it has to be "myserver=/u,
    });
    zone.set(proof.name, ['v=spf1', 'myserver=wrong']);
    await assert.rejects(domains.check(ada, 'own.example.com'), { code: 'not-proven', message: /"myserver=wrong"/u });
    zone.set(proof.name, ['v=spf1', proof.value]);
    assert.ok((await domains.check(ada, 'OWN.example.com.')).domain.isProven);
    const { record } = await room.control.servers.get(ada, 1);
    assert.deepEqual(served(), [`own.example.com ${record.generation} usr`]);
    await domains.add(ada, 1, { name: 'own.example.com', door: 'www' });
    assert.deepEqual(served(), [`own.example.com ${record.generation} www`], 'the port can be another, without another proof');
    await domains.remove(ada, 'own.example.com');
    assert.deepEqual(served(), []);
  });

  test('attack: a proof for one server counts for no other, and a name that is proven is nobody else’s', async () => {
    await using two = await withTwo();
    const { domains, ada, bob, zone } = two;
    const first = await domains.add(ada, 1, { name: 'own.example.com', door: 'www' });
    const second = await domains.add(bob, 2, { name: 'own.example.com', door: 'www' });
    zone.set(first.proof.name, [first.proof.value]);
    await assert.rejects(domains.check(bob, 'own.example.com'), { code: 'not-proven' });
    assert.ok((await domains.check(ada, 'own.example.com')).domain.isProven);
    zone.set(first.proof.name, [second.proof.value]);
    await assert.rejects(domains.check(bob, 'own.example.com'), { code: 'name-taken' });
    await assert.rejects(domains.add(bob, 2, { name: 'own.example.com', door: 'usr' }), { code: 'name-taken' });
    await assert.rejects(domains.remove(bob, 'nobody.example.com'), { code: 'not-found' });
    await assert.rejects(domains.add(bob, 1, { name: 'b.example.com', door: 'www' }), { code: 'no-such-server' });
    assert.deepEqual(
      (await domains.list(bob)).map(({ domain }) => domain.isProven),
      [false],
    );
  });

  test('a name goes with its server: whoever has the ID next does not inherit it', async () => {
    await using two = await withTwo();
    const { room, domains, ada, bob, zone, served } = two;
    const { proof } = await domains.add(ada, 1, { name: 'own.example.com', door: 'www' });
    zone.set(proof.name, [proof.value]);
    await domains.check(ada, 'own.example.com');
    const dropping = await room.control.servers.drop(ada, 1);
    await room.control.operations.wait(ada, dropping.id, 10_000);
    await makeOne(room, bob, 1);
    assert.deepEqual(served(), []);
    assert.deepEqual(await domains.list(bob), []);
    assert.equal(
      (await domains.add(bob, 1, { name: 'own.example.com', door: 'www' })).domain.isProven,
      false,
      'the old proof proves nothing for a new server',
    );
  });

  test('names of this host and ports that are no pages are refused', async () => {
    await using two = await withTwo();
    await assert.rejects(two.domains.add(two.ada, 1, { name: 'x.pages.example', door: 'www' }), { code: 'bad-name' });
    await assert.rejects(two.domains.add(two.ada, 1, { name: 'own.example.com', door: 'ssh' }), { code: 'bad-request' });
  });
});

suite('links to ports', () => {
  const hour = 3_600_000;

  test('a link is good until it runs out or is taken back, for that port of that server', async () => {
    await using two = await withTwo();
    const { room, ada, bob } = two;
    const { links, servers } = room.control;
    await servers.change(ada, 1, { ports: { usr: 'shared' } });
    const made = await links.add(ada, 1, { door: 'usr', expiresMs: Date.now() + hour });
    assert.match(made.url, /^https:\/\/1\.usr\.pages\.example\/\.well-known\/myserver\/enter\?link=[\w-]{32}$/u);
    const subjects = () => room.control.web.state().stamps.map(({ subject }) => subject);
    assert.ok(subjects().includes(`link:${made.link.id}`));
    assert.deepEqual([(await links.list(ada)).length, (await links.list(bob)).length], [1, 0]);
    await assert.rejects(links.remove(bob, made.link.id), { code: 'not-found' });
    await links.remove(ada, made.link.id);
    assert.ok(!subjects().includes(`link:${made.link.id}`));
  });

  test('who may not share, a time that is no good and a host without a domain are told so', async () => {
    await using two = await withTwo();
    const { links } = two.room.control;
    await assert.rejects(links.add(two.bob, 1, { door: 'usr', expiresMs: Date.now() + hour }), { code: 'no-such-server' });
    await assert.rejects(links.add(two.ada, 1, { door: 'usr', expiresMs: Date.now() - 1 }), { code: 'bad-request' });
    await assert.rejects(links.add(two.ada, 1, { door: 'usr', expiresMs: Date.now() + 91 * 24 * hour }), { code: 'bad-request' });
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    await makeOne(room, ada, 1);
    await assert.rejects(room.control.links.add(ada, 1, { door: 'usr', expiresMs: Date.now() + hour }), {
      code: 'cannot-here',
      message: /domain/u,
    });
  });
});
