/** The attack: a neighbour on the host's network adds a route to the private network by way of the host, and so enters every port of every server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, makeWorld, silenceMs } from './world.testing.ts';

test('a neighbour with a route into the private network reaches nothing in it', async (t) => {
  await using world = await makeWorld();
  const { host, neighbour, firewall, ruleset } = world;
  await host.listen(6000, { address: '0.0.0.0' });
  await neighbour.shell(`ip route add 10.99.0.0/16 via ${at.public}`);
  const attacks = (): Promise<readonly string[]> =>
    Promise.all([
      neighbour.ask(at.alice, 22, { waitMs: silenceMs }),
      neighbour.ask(at.bob, 8000, { waitMs: silenceMs }),
      neighbour.ask(at.alice, 8000, { waitMs: silenceMs, protocol: 'udp' }),
      neighbour.ask(at.host, 6000, { waitMs: silenceMs }),
    ]);

  await t.test('without the rules it reaches servers and the host at its private address', async () => {
    await firewall.clear();
    assert.deepEqual(await attacks(), ['alice saw 198.18.0.2', 'bob saw 198.18.0.2', 'alice saw 198.18.0.2', 'host saw 198.18.0.2']);
  });

  await t.test('with the rules it hears nothing, and public ports are open as before', async () => {
    await firewall.set(ruleset);
    assert.deepEqual(await attacks(), ['silent', 'silent', 'silent', 'silent']);
    assert.equal(await neighbour.ask(at.public, 2001), 'alice saw 198.18.0.2');
  });
});
