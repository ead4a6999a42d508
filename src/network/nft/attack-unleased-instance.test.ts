/** The attack: an instance that no lease stands for (made by hand, left by another installation, or just dropped) talks on, or is talked to. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, makeWorld, silenceMs, withLeased } from './world.testing.ts';

test('an instance without a lease reaches nobody and is reached by nobody', async (t) => {
  await using world = await makeWorld();
  const { host, neighbour, alice, stranger, firewall, ruleset } = world;
  await host.listen(53, { address: at.host });
  await neighbour.shell(`ip route add 10.99.0.0/16 via ${at.public}`);
  const outward = (): Promise<readonly string[]> =>
    Promise.all(
      (
        [
          [at.neighbour, 7000],
          [at.public, 2001],
          [at.bob, 22],
          [at.host, 53],
        ] as const
      ).map(([address, port]) => stranger.ask(address, port, { waitMs: silenceMs })),
    );
  const inward = (): Promise<readonly string[]> =>
    Promise.all([
      neighbour.ask(at.public, 2003, { waitMs: silenceMs }),
      alice.ask(at.public, 2003, { waitMs: silenceMs }),
      alice.ask(at.stranger, 22, { waitMs: silenceMs }),
    ]);

  await t.test('with a lease all of it works', async () => {
    await firewall.set(withLeased(ruleset, 1, 2, 3));
    assert.deepEqual(await outward(), ['neighbour saw 198.18.0.1', 'alice saw 10.99.0.1', 'bob saw 10.99.10.103', 'host saw 10.99.10.103']);
    assert.deepEqual(await inward(), ['stranger saw 198.18.0.2', 'stranger saw 10.99.0.1', 'stranger saw 10.99.10.101']);
  });

  await t.test('a connection that was open when the lease ended hears nothing more, though its state is still there', async () => {
    const line = await neighbour.open(at.public, 2003);
    assert.equal(await line.say('before'), 'before');
    await firewall.set(ruleset);
    assert.equal(await line.say('after', silenceMs), 'silent');
  });

  await t.test('without a lease nothing works', async () => {
    assert.deepEqual(await outward(), ['silent', 'silent', 'silent', 'silent']);
    // Its port blocks do not exist, so the host itself answers from outside; a server may not ask the host, and hears nothing.
    assert.deepEqual(await inward(), ['refused', 'silent', 'silent']);
    assert.equal(await neighbour.ask(at.stranger, 22, { waitMs: silenceMs }), 'silent');
  });
});
