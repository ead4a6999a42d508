/** The attack: root inside a server tries every port of the host, at each of its addresses, and by IPv6 link-local, which nobody configured. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { at, bridge, makeWorld, silenceMs } from './world.testing.ts';

test('a server reaches DNS and the listed services of the host, and no other port', async (t) => {
  await using world = await makeWorld();
  const { host, alice, firewall, ruleset } = world;
  for (const port of [53, 6000, 9443]) await host.listen(port);
  await host.listen(53, { protocol: 'udp', address: at.host });
  await host.listen(6000, { protocol: 'udp', address: '0.0.0.0' });
  const ask = (address: string, port: number, protocol: 'tcp' | 'udp' = 'tcp'): Promise<string> =>
    alice.ask(address, port, { protocol, waitMs: silenceMs });
  const attacks = (): Promise<readonly string[]> =>
    Promise.all([ask(at.host, 6000), ask(at.public, 6000), ask(at.host, 6000, 'udp'), ask(at.public, 53)]);
  const saw = 'host saw 10.99.10.101';

  await t.test('without the rules every port answers', async () => {
    await firewall.clear();
    assert.deepEqual(await attacks(), [saw, saw, saw, saw]);
  });

  await t.test('with the rules they are silent', async () => {
    await firewall.set(ruleset);
    assert.deepEqual(await attacks(), ['silent', 'silent', 'silent', 'silent']);
  });

  await t.test('with the rules DNS at the private address and listed services at every address answer', async () => {
    assert.deepEqual(await Promise.all([ask(at.host, 53), ask(at.host, 53, 'udp'), ask(at.host, 9443), ask(at.public, 9443)]), [
      saw,
      saw,
      saw,
      saw,
    ]);
  });

  await t.test(
    'by IPv6 link-local it reaches nothing, not even those',
    { skip: existsSync('/proc/sys/net/ipv6') ? false : 'this kernel has no IPv6' },
    async () => {
      await host.shell(`ip -6 addr add fe80::99/64 dev ${bridge} nodad`);
      await alice.shell('ip -6 addr add fe80::1/64 dev eth0 nodad');
      const byLinkLocal = (): Promise<readonly string[]> => Promise.all([ask('fe80::99%eth0', 6000), ask('fe80::99%eth0', 9443)]);
      await firewall.clear();
      for (const answer of await byLinkLocal()) assert.match(answer, /^host saw fe80::1/u);
      await firewall.set(ruleset);
      assert.ok((await byLinkLocal()).every((answer) => !answer.includes('saw')));
    },
  );
});
