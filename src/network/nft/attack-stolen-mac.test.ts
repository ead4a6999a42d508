/**
 * The attack: frames whose source is another's MAC. A bridge sends a MAC's traffic to wherever it was last seen, and the engine's filters on each server's
 * port see a frame after the bridge has learnt from it. What counts is where the bridge believes the victim to be, and whether it is reached.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { macOf } from '../../core/mac.ts';
import type { Machine } from '../../testing/namespaces.ts';
import { at, bridge, makeWorld, silenceMs } from './world.testing.ts';

/** `frame.pl HEX...` sends each as it stands from eth0 (packet(7)). */
const sender = String.raw`use Socket; socket(my $w, 17, SOCK_RAW, unpack('n', pack('S', 3))) or die;
  open(my $f, '-|', 'ip -o link show dev eth0'); my ($i) = <$f> =~ /^(\d+)/;
  for (@ARGV) { defined send($w, pack('H*', $_), 0, pack('SnlSCCa8', 17, 3, $i, 0, 0, 6, "\xff" x 6)) or die "send: $!" }`;

const hex = (mac: string): string => mac.replaceAll(':', '');
const everybody = 'ffffffffffff';
const filling = '00'.repeat(46);
/** Local experimental EtherType (IEEE 802). */
const experimental = '88b5';
const addressHex = (address: string): string => hex(macOf(address)).slice(4);

/** Frames from this MAC, of each kind that takes a way of its own through the bridge or its hooks. */
const disguises: Readonly<Record<string, (mac: string) => string>> = {
  'a broadcast': (mac) => `${everybody}${mac}${experimental}${filling}`,
  'a frame to itself': (mac) => `${mac}${mac}${experimental}${filling}`,
  'an ARP answer': (mac) => `${everybody}${mac}08060001080006040002${mac}${addressHex(at.bob)}${everybody}${addressHex(at.bob)}`,
  'a VLAN-tagged frame (802.1Q)': (mac) => `${everybody}${mac}81000005${experimental}${filling}`,
  'a priority-tagged frame': (mac) => `${everybody}${mac}81000000${experimental}${filling}`,
  'a frame tagged twice (802.1ad)': (mac) => `${everybody}${mac}88a8000581000006${experimental}${filling}`,
  'a frame with LLC': (mac) => `${everybody}${mac}0020aaaa03${filling}`,
  'spanning tree': (mac) => `0180c2000000${mac}0026424203${filling}`,
  LACP: (mac) => `0180c2000002${mac}8809${filling}`,
  EAPOL: (mac) => `0180c2000003${mac}888e${filling}`,
  LLDP: (mac) => `0180c200000e${mac}88cc${filling}`,
};

function honest(mac: string): string {
  return `${everybody}${mac}${experimental}${filling}`;
}

interface Sender {
  readonly machine: Machine;
  /** Its port of the bridge. */
  readonly port: string;
  /** A MAC that nothing keeps it from using. */
  readonly mac: string;
}

/** What the host's bridge believes, and sending to it. */
function watchBridge(host: Machine) {
  /** At which port this MAC is, ports' own addresses apart. */
  const placeOf = async (mac: string): Promise<string | undefined> => {
    const listed = await host.run('bridge', 'fdb', 'show', 'br', bridge);
    const line = listed.split('\n').find((one) => hex(one).startsWith(`${mac} `) && !one.includes('permanent'));
    return line === undefined ? undefined : /dev (\S+)/u.exec(line)?.[1];
  };

  /** Sends, and then an honest frame that the bridge had forgotten: once it has learnt that, it has seen all of them. */
  async function send({ machine, port, mac }: Sender, ...frames: readonly string[]): Promise<void> {
    await host.shell(`bridge fdb del ${mac.replaceAll(/..(?=.)/gu, '$&:')} dev ${port} master 2>/dev/null || true`);
    await machine.run('perl', '-e', sender, ...frames, honest(mac));
    const deadline = performance.now() + 10_000;
    while ((await placeOf(mac)) !== port) assert.ok(performance.now() < deadline, `no frame of ${machine.name} came to the bridge`);
  }
  return { placeOf, send };
}

test('a frame under another’s MAC moves none of its owner’s traffic', async (t) => {
  await using world = await makeWorld();
  const { host, neighbour, firewall, ruleset } = world;
  const { placeOf, send } = watchBridge(host);
  const alice: Sender = { machine: world.alice, port: 'port1', mac: hex(macOf(at.alice)) };
  const bob: Sender = { machine: world.bob, port: 'port2', mac: hex(macOf(at.bob)) };
  const stranger: Sender = { machine: world.stranger, port: 'port3', mac: '10666a00beef' };
  // What IPv6 says of itself now and then would bring a MAC home in the midst of an attack.
  for (const { machine } of [alice, bob, stranger]) await machine.shell('echo 1 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6');

  /** The disguises after which the bridge takes the attacker for bob. */
  async function believed(attacker: Sender): Promise<readonly string[]> {
    const found: string[] = [];
    for (const [disguise, frame] of Object.entries(disguises)) {
      await send(bob);
      await send(attacker, frame(bob.mac));
      if ((await placeOf(bob.mac)) !== bob.port) found.push(disguise);
    }
    return found;
  }

  await t.test('without the rules every one is believed, and the victim is cut off', async () => {
    await firewall.clear();
    await host.shell(`ip link set ${bridge} type bridge no_linklocal_learn 0`);
    assert.deepEqual(await believed(alice), Object.keys(disguises));
    // Known already, so that the host does not ask by broadcast first, which its owner would answer.
    assert.equal(await host.ask(at.bob, 8000, { protocol: 'udp' }), 'bob saw 10.99.0.1');
    await send(alice, honest(bob.mac));
    assert.equal(await host.ask(at.bob, 8000, { protocol: 'udp', waitMs: silenceMs }), 'silent');
  });

  await t.test('with the rules alone, those that pass them by are', async () => {
    await firewall.set(ruleset);
    await host.shell(`ip link set ${bridge} type bridge no_linklocal_learn 0`);
    assert.deepEqual(await believed(alice), ['LACP', 'EAPOL', 'LLDP']);
  });

  await t.test('with all that the firewall sets none is, whether the attacker is leased or not', async () => {
    await firewall.set(ruleset);
    assert.deepEqual(await believed(alice), []);
    assert.deepEqual(await believed(stranger), []);
    for (let round = 0; round < 5; round += 1) {
      await send(alice, ...Object.values(disguises).map((frame) => frame(bob.mac)));
      assert.equal(await neighbour.ask(at.public, 2002), 'bob saw 198.18.0.2');
    }
  });

  await t.test('invented MACs, the host’s and a group’s are not learnt from a server, its own is', async () => {
    const bridgeMac = /link\/ether (\S+)/u.exec(await host.run('ip', '-o', 'link', 'show', 'dev', bridge))?.[1] ?? '';
    const invented = ['02005e000001', '10666a000001', '01005e000001', '000000000000', hex(bridgeMac)];
    await send(alice, ...invented.map(honest));
    for (const mac of invented) assert.equal(await placeOf(mac), undefined, mac);
    assert.equal(await world.alice.ask(at.neighbour, 7000), 'neighbour saw 198.18.0.1');
  });

  await t.test('a cable that the rules do not name keeps its MAC, as of a server from before or of somebody else', async () => {
    await send(stranger);
    await send(alice, honest(stranger.mac));
    assert.equal(await placeOf(stranger.mac), stranger.port);
  });
});
