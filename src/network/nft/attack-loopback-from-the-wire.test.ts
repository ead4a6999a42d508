/**
 * The attack: route_localnet, without which 127.0.0.1:2123 does not work, makes the kernel take packets for and from 127/8 off the wire. A server (or a
 * neighbour, where somebody opened it on every interface) so reaches what listens on loopback alone, or passes for a local client.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Machine } from '../../testing/namespaces.ts';
import { at, makeWorld, silenceMs } from './world.testing.ts';

/** Sends 127/8 to the wire, with 127.0.0.9 as its own. */
async function giveUpOwnLoopback(machine: Machine, gateway: string): Promise<void> {
  await machine.shell(`
    ip addr del 127.0.0.1/8 dev lo
    echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet
    ip addr add 127.0.0.9/32 dev eth0
    ip route add 127.0.0.1/32 via ${gateway} dev eth0`);
}

test('a packet from the wire that says 127/8 is dropped before anything looks at it', async (t) => {
  await using world = await makeWorld();
  const { host, neighbour, alice, firewall, ruleset } = world;
  await host.listen(6000, { address: '127.0.0.1' });
  await host.listen(6001, { address: '0.0.0.0', protocol: 'udp' });
  await host.shell('echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet');
  await giveUpOwnLoopback(alice, at.host);
  await giveUpOwnLoopback(neighbour, at.public);
  const asDestination = (): Promise<readonly string[]> =>
    Promise.all([alice, neighbour].map((machine) => machine.ask('127.0.0.1', 6000, { waitMs: silenceMs })));
  const asSource = async (): Promise<number> => {
    const before = (await host.seen()).length;
    // Nothing comes back to a spoofed source: what counts is what the host saw.
    const asked = [
      alice.ask(at.host, 6001, { protocol: 'udp', from: '127.0.0.9', waitMs: silenceMs }),
      neighbour.ask(at.public, 6001, { protocol: 'udp', from: '127.0.0.9', waitMs: silenceMs }),
    ];
    await Promise.all(asked);
    return (await host.seen()).slice(before).filter((line) => line === 'udp 6001 from 127.0.0.9').length;
  };

  await t.test('without the rules both reach a listener on loopback and pass for a local client', async () => {
    await firewall.clear();
    assert.deepEqual(await asDestination(), ['host saw 10.99.10.101', 'host saw 198.18.0.2']);
    assert.equal(await asSource(), 2);
  });

  await t.test('with the rules neither does', async () => {
    await firewall.set(ruleset);
    assert.deepEqual(await asDestination(), ['silent', 'silent']);
    assert.equal(await asSource(), 0);
  });
});
