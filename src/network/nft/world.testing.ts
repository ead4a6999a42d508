/**
 * The small world of the attack tests: a host with a bridge, two leased servers and one that is not, a neighbour on the host's public network, and the
 * real firewall between them.
 *
 *     neighbour 198.18.0.2 ── 198.18.0.1 host 10.99.0.1 ══ bridge ══ alice (ID 1), bob (ID 2), stranger (ID 3, not leased)
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../base/log.ts';
import { macOf } from '../../core/mac.ts';
import { parsePlan } from '../../core/plan.ts';
import { type LeaseOnWire, rulesOf } from '../../core/ruleset-plan.ts';
import { metadataNetwork, type Ruleset } from '../../core/ruleset.ts';
import { makeNamespaces, type Machine, type Namespaces } from '../../testing/namespaces.ts';
import type { Firewall } from '../firewall.ts';
import { makeNftFirewall } from './nft-firewall.ts';

export interface World extends AsyncDisposable {
  readonly host: Machine;
  readonly neighbour: Machine;
  readonly alice: Machine;
  readonly bob: Machine;
  readonly stranger: Machine;
  readonly firewall: Firewall;
  /** The rules that the world begins with: alice and bob leased, every port forwarded. */
  readonly ruleset: Ruleset;
}

export const bridge = 'br0';
const plan = parsePlan({
  network: '10.99.0.0/16',
  host: '10.99.0.1',
  blocks: [
    { name: 'ssh', privatePort: 22, base: 2000 },
    { name: 'usr', privatePort: 8000, base: 58_000, protocols: ['tcp', 'udp'] },
  ],
});

/** Addresses, written out: a test reads better with numbers. */
export const at = {
  public: '198.18.0.1',
  neighbour: '198.18.0.2',
  host: '10.99.0.1',
  alice: '10.99.10.101',
  bob: '10.99.10.102',
  stranger: '10.99.10.103',
};

/** How long an attack waits for an answer that must not come. The same attack is seen to succeed without the rules, well within it. */
export const silenceMs = 700;

const baseRuleset: Ruleset = {
  table: 'myserver',
  bridge,
  ...rulesOf(plan, [leaseOf(1), leaseOf(2)]),
  hostServices: [{ protocol: 'tcp', port: 9443 }],
  blockedDestinations: [metadataNetwork],
  keepSource: true,
  otherForwarding: 'leave',
};

function leaseOf(number: number): LeaseOnWire {
  return { id: plan.requireId(number), cable: `port${number}`, isStopped: false, ports: {} };
}

/** The same rules for these leased IDs. */
export function withLeased(ruleset: Ruleset, ...ids: readonly number[]): Ruleset {
  return { ...ruleset, ...rulesOf(plan, ids.map(leaseOf)) };
}

export async function makeWorld(): Promise<World> {
  await using undo = new AsyncDisposableStack();
  const namespaces = undo.use(await makeNamespaces());
  const host = await namespaces.machine('host');
  const neighbour = await namespaces.machine('neighbour');
  await joinPublic(host, neighbour);
  await host.shell(`
    ip link add ${bridge} type bridge
    ip addr add ${at.host}/16 dev ${bridge}
    ip link set ${bridge} up
    echo 1 > /proc/sys/net/ipv4/ip_forward
    # Else a server cannot reach itself through its own public port.
    [ ! -e /proc/sys/net/bridge ] || echo 0 > /proc/sys/net/bridge/bridge-nf-call-iptables
    echo 1 > /proc/sys/net/ipv4/conf/${bridge}/route_localnet`);
  const servers = {
    alice: await server(namespaces, host, 'alice', 1),
    bob: await server(namespaces, host, 'bob', 2),
    stranger: await server(namespaces, host, 'stranger', 3),
  };

  const runDir = await mkdtemp(join(tmpdir(), 'myserver-firewall-'));
  undo.defer(() => rm(runDir, { recursive: true }));
  const firewall = makeNftFirewall({ table: baseRuleset.table, runDir, log: silentLog, enter: host.enter });
  await firewall.set(baseRuleset);

  const kept = undo.move();
  return { host, neighbour, ...servers, firewall, ruleset: baseRuleset, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

async function joinPublic(host: Machine, neighbour: Machine): Promise<void> {
  await cable(host, 'eth0', neighbour, 'eth0');
  await host.shell(`ip addr add ${at.public}/30 dev eth0; ip link set eth0 up; ip route add default via ${at.neighbour}`);
  await neighbour.shell(`ip addr add ${at.neighbour}/30 dev eth0; ip link set eth0 up`);
  await neighbour.listen(7000);
  await neighbour.listen(7000, { protocol: 'udp', address: '0.0.0.0' });
}

async function server(namespaces: Namespaces, host: Machine, name: string, id: number): Promise<Machine> {
  const machine = await namespaces.machine(name);
  await cable(host, `port${id}`, machine, 'eth0');
  await host.shell(`ip link set port${id} master ${bridge} up`);
  const address = plan.addressOf(plan.requireId(id));
  await machine.shell(
    `ip link set eth0 address ${macOf(address)}; ip addr add ${address}/16 dev eth0; ip link set eth0 up; ip route add default via ${at.host}`,
  );
  await machine.listen(22);
  await machine.listen(8000);
  await machine.listen(8000, { protocol: 'udp', address: '0.0.0.0' });
  return machine;
}

/** A virtual network cable between two machines. */
export async function cable(one: Machine, oneEnd: string, other: Machine, otherEnd: string): Promise<void> {
  const netnsOf = (machine: Machine): string => machine.enter.at(-1)?.split('/').at(-1) ?? '';
  await one.run('ip', 'link', 'add', oneEnd, 'type', 'veth', 'peer', 'name', otherEnd, 'netns', netnsOf(other));
}
