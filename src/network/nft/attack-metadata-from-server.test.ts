/** The attack: a server asks the cloud's metadata service, which takes it for the host and hands out the host's credentials. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, makeWorld, silenceMs } from './world.testing.ts';

test('a server reaches neither a metadata service nor a network that policy blocks', async (t) => {
  await using world = await makeWorld();
  const { host, neighbour, alice, firewall, ruleset } = world;
  await neighbour.shell('ip addr add 169.254.169.254/32 dev eth0');
  await neighbour.listen(80);
  const attack = (): Promise<string> => alice.ask('169.254.169.254', 80, { waitMs: silenceMs });

  await t.test('with nothing blocked the service answers, and takes the server for the host', async () => {
    await firewall.set({ ...ruleset, blockedDestinations: [] });
    assert.equal(await attack(), 'neighbour saw 198.18.0.1');
  });

  await t.test('with 169.254/16 blocked it is silent for servers, and answers the host', async () => {
    await firewall.set(ruleset);
    assert.equal(await attack(), 'silent');
    assert.equal(await host.ask('169.254.169.254', 80), 'neighbour saw 198.18.0.1');
  });

  await t.test('a blocked network of the host cannot be called, and can call', async () => {
    assert.equal(await alice.ask(at.neighbour, 7000), 'neighbour saw 198.18.0.1');
    await firewall.set({ ...ruleset, blockedDestinations: ['198.18.0.0/30'] });
    assert.equal(await alice.ask(at.neighbour, 7000, { waitMs: silenceMs }), 'silent');
    assert.equal(await neighbour.ask(at.public, 2001), 'alice saw 198.18.0.2');
    assert.equal(await alice.ask(at.public, 2002), 'bob saw 10.99.0.1');
  });
});
