/** From where a server's ports are reached, and whom the server sees then. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { makeNamespaces } from '../../testing/namespaces.ts';
import { at, cable, makeWorld, silenceMs, type World } from './world.testing.ts';

suite('the port blocks', () => {
  let world: World;
  before(async () => {
    world = await makeWorld();
  });
  after(() => world[Symbol.asyncDispose]());

  test('from another machine they lead to the server, which sees the client itself', async () => {
    assert.equal(await world.neighbour.ask(at.public, 2001), 'alice saw 198.18.0.2');
    assert.equal(await world.neighbour.ask(at.public, 2002), 'bob saw 198.18.0.2');
    assert.equal(await world.neighbour.ask(at.public, 58_001), 'alice saw 198.18.0.2');
    assert.equal(await world.neighbour.ask(at.public, 58_002, { protocol: 'udp' }), 'bob saw 198.18.0.2');
  });

  test('from the host they are at 127.0.0.1 and at its own addresses', async () => {
    assert.equal(await world.host.ask('127.0.0.1', 2001), 'alice saw 10.99.0.1');
    assert.equal(await world.host.ask('127.0.0.1', 58_001, { protocol: 'udp' }), 'alice saw 10.99.0.1');
    assert.equal(await world.host.ask(at.public, 2002), 'bob saw 198.18.0.1');
    assert.equal(await world.host.ask(at.host, 2002), 'bob saw 10.99.0.1');
  });

  test('from a server they are at the public address, its own ports among them', async () => {
    assert.equal(await world.alice.ask(at.public, 2002), 'bob saw 10.99.0.1');
    assert.equal(await world.alice.ask(at.public, 2001), 'alice saw 10.99.0.1');
    assert.equal(await world.alice.ask(at.public, 58_002, { protocol: 'udp' }), 'bob saw 10.99.0.1');
  });

  test('servers see each other on the private network under their own addresses', async () => {
    assert.equal(await world.alice.ask(at.bob, 22), 'bob saw 10.99.10.101');
  });

  test('servers reach the outside under the host’s address', async () => {
    assert.equal(await world.alice.ask(at.neighbour, 7000), 'neighbour saw 198.18.0.1');
    assert.equal(await world.alice.ask(at.neighbour, 7000, { protocol: 'udp' }), 'neighbour saw 198.18.0.1');
  });

  test('an ID without a lease has no port: the host answers for itself', async () => {
    assert.equal(await world.neighbour.ask(at.public, 2003), 'refused');
  });

  test('a stopped server’s ports refuse at once, from wherever they are called; a connection from before goes on', async () => {
    const line = await world.neighbour.open(at.public, 2002);
    await world.firewall.set({ ...world.ruleset, stopped: [at.bob] });
    for (const [caller, address, port] of [
      [world.neighbour, at.public, 2002],
      [world.neighbour, at.public, 58_002],
      [world.host, '127.0.0.1', 2002],
      [world.host, at.bob, 22],
      [world.alice, at.public, 2002],
    ] as const)
      assert.equal(await caller.ask(address, port), 'refused', `${caller.name} to ${address}:${port}`);
    assert.equal(await world.neighbour.ask(at.public, 2001), 'alice saw 198.18.0.2');
    assert.equal(await line.say('still there?'), 'still there?');
    await world.firewall.set(world.ruleset);
    assert.equal(await world.neighbour.ask(at.public, 2002), 'bob saw 198.18.0.2');
  });

  test('where sources are not kept every client appears as the host', async () => {
    await world.firewall.set({ ...world.ruleset, keepSource: false });
    assert.equal(await world.neighbour.ask(at.public, 2001), 'alice saw 10.99.0.1');
    await world.firewall.set(world.ruleset);
  });

  test('with several public addresses each port belongs to one of them', async () => {
    await world.host.shell('ip addr add 198.18.0.5/32 dev lo');
    await world.neighbour.shell(`ip route add 198.18.0.5/32 via ${at.public}`);
    const forwards = [
      { protocol: 'tcp', publicAddress: at.public, publicPort: 2000, address: at.alice, privatePort: 22 },
      { protocol: 'tcp', publicAddress: '198.18.0.5', publicPort: 2000, address: at.bob, privatePort: 22 },
    ] as const;
    await world.firewall.set({ ...world.ruleset, forwards });
    assert.equal(await world.neighbour.ask(at.public, 2000), 'alice saw 198.18.0.2');
    assert.equal(await world.neighbour.ask('198.18.0.5', 2000), 'bob saw 198.18.0.2');
    assert.equal(await world.alice.ask('198.18.0.5', 2000), 'bob saw 10.99.0.1');
    await world.firewall.set(world.ruleset);
  });

  test('what the host forwards between other networks is left alone, or closed where we opened it', async () => {
    await using namespaces = await makeNamespaces();
    const elsewhere = await namespaces.machine('elsewhere');
    await cable(world.host, 'eth1', elsewhere, 'eth0');
    await world.host.shell('ip addr add 198.18.5.1/30 dev eth1; ip link set eth1 up');
    await elsewhere.shell('ip addr add 198.18.5.2/30 dev eth0; ip link set eth0 up; ip route add default via 198.18.5.1');
    await world.neighbour.shell(`ip route add 198.18.5.0/30 via ${at.public}`);
    assert.equal(await elsewhere.ask(at.neighbour, 7000), 'neighbour saw 198.18.5.2');
    assert.equal(await elsewhere.ask('198.18.5.1', 2001), 'alice saw 198.18.5.2');
    await world.firewall.set({ ...world.ruleset, otherForwarding: 'drop' });
    assert.equal(await elsewhere.ask(at.neighbour, 7000, { waitMs: silenceMs }), 'silent');
    assert.equal(await elsewhere.ask('198.18.5.1', 2001), 'alice saw 198.18.5.2');
  });
});
