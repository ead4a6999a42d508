/**
 * The attack: packets under another's address. The engine's own filters on each server's port are the first line (its conformance suite tests them); these
 * rules are the second, and know networks and leases, not ports. Answers go to the true owner, so what counts is what the victim saw.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Machine } from '../../testing/namespaces.ts';
import { at, makeWorld, silenceMs, withLeased } from './world.testing.ts';

const unleased = '10.99.10.199';

async function isSeen(victim: Machine, attacker: Machine, address: string, port: number, from: string): Promise<boolean> {
  const before = (await victim.seen()).length;
  await attacker.ask(address, port, { protocol: 'udp', from, waitMs: silenceMs });
  return (await victim.seen()).slice(before).some((line) => line === `udp ${port} from ${from}`);
}

test('a packet under an address that its sender cannot have reaches nobody', async (t) => {
  await using world = await makeWorld();
  const { host, neighbour, alice, bob, firewall, ruleset } = world;
  await host.listen(6000, { protocol: 'udp', address: '0.0.0.0' });
  await alice.shell(`ip addr add 203.0.113.9/32 dev eth0; ip addr add ${unleased}/32 dev eth0`);
  await neighbour.shell(`ip addr add ${at.bob}/32 dev eth0`);

  await t.test('without the rules a server speaks as a stranger and a neighbour as a server', async () => {
    await firewall.clear();
    assert.equal(await isSeen(neighbour, alice, at.neighbour, 7000, '203.0.113.9'), true);
    assert.equal(await isSeen(host, neighbour, at.public, 6000, at.bob), true);
    assert.equal(await isSeen(bob, alice, at.bob, 8000, unleased), true);
  });

  await t.test('with the rules neither is heard', async () => {
    await firewall.set(ruleset);
    assert.equal(await isSeen(neighbour, alice, at.neighbour, 7000, '203.0.113.9'), false);
    assert.equal(await isSeen(host, neighbour, at.public, 6000, at.bob), false);
    assert.equal(await isSeen(alice, neighbour, at.public, 58_001, at.bob), false);
  });

  await t.test('a server that takes a private address nobody leased is heard by no server and by nobody outside', async () => {
    assert.equal(await isSeen(bob, alice, at.bob, 8000, unleased), false);
    assert.equal(await alice.ask(at.neighbour, 7000, { from: unleased, waitMs: silenceMs }), 'silent');
    await firewall.set(withLeased(ruleset, 1, 2, 99));
    assert.equal(await alice.ask(at.neighbour, 7000, { from: unleased }), 'neighbour saw 198.18.0.1');
  });
});
