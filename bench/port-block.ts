/**
 * What a port block costs a connection: through the real rules with three forwarded ports and with three thousand, and beside them a plain routed
 * connection to the server's private address, on a host that has no rules at all (and so does not even track connections), and on one that does only that.
 *
 *     client 198.18.0.2 ── 198.18.0.1 host 10.99.0.1 ══ bridge ══ server 10.99.15.100 (ID 500)
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { silentLog } from '../src/base/log.ts';
import { macOf } from '../src/core/mac.ts';
import { parsePlan } from '../src/core/plan.ts';
import { rulesOf } from '../src/core/ruleset-plan.ts';
import { metadataNetwork, type Ruleset } from '../src/core/ruleset.ts';
import { makeNftFirewall } from '../src/network/nft/nft-firewall.ts';
import type { Firewall } from '../src/network/firewall.ts';
import { makeNamespaces, type Machine } from '../src/testing/namespaces.ts';
import { alternate } from './measure.ts';
import { type Figure, type Goal, type Row, row, type Unit } from './report.ts';

const rounds = 9;
const seconds = '0.5';
/** What the kernel still does after a change of rules (it frees the former ones later) is no part of the figure. */
const settleMs = 300;
const id = 500;
const trafficPath = fileURLToPath(new URL('traffic.pl', import.meta.url));
const plan = parsePlan({ network: '10.99.0.0/16', host: '10.99.0.1' });
const publicAddress = '198.18.0.1';
const privateAddress = plan.addressOf(plan.requireId(id));
const bridge = 'br0';
const sameAsFew: Goal = { kind: 'at-least', value: 0.97, of: 'ratio' };
const nearlyRouted: Goal = { kind: 'at-least', value: 0.9, of: 'ratio' };

/** The least rule that makes the kernel track connections. */
const trackingOnly =
  'add table inet tracking; add chain inet tracking through { type filter hook forward priority 0; }; add rule inet tracking through ct state established accept';

interface World extends AsyncDisposable {
  readonly host: Machine;
  readonly client: Machine;
  readonly firewall: Firewall;
}

interface Traffic {
  readonly what: string;
  readonly deed: 'send' | 'connect';
  readonly workers: number;
  readonly unit: Unit;
  readonly scale: number;
}

const traffics: readonly Traffic[] = [
  { what: 'one stream', deed: 'send', workers: 1, unit: 'MB/s', scale: 1e6 },
  { what: 'four streams', deed: 'send', workers: 4, unit: 'MB/s', scale: 1e6 },
  { what: 'connections a second', deed: 'connect', workers: 4, unit: '/s', scale: 1 },
];

export const portBlockFigure: Figure = {
  name: 'ports',
  title: 'Through a port block, from another machine',
  async measure() {
    await using world = await makeWorld();
    const rows: Row[] = [];
    for (const traffic of traffics) rows.push(...(await rowsOf(world, traffic)));
    return rows;
  },
};

async function rowsOf({ host, client, firewall }: World, { what, deed, workers, unit, scale }: Traffic): Promise<readonly Row[]> {
  const privatePort = deed === 'send' ? 22 : 80;
  const publicPort = (deed === 'send' ? 2000 : 8000) + id;
  const measure = async (address: string, port: number): Promise<number> => {
    // A remembered connection with the same ports at its far side would be in the way of a new one that comes by another way.
    await host.run('conntrack', '-F');
    await sleep(settleMs);
    return Number(await client.run('perl', trafficPath, deed, address, String(port), String(workers), seconds)) / scale;
  };
  const forwarded = (ids: readonly number[]) => async () => {
    await firewall.set(rulesetFor(ids));
    return await measure(publicAddress, publicPort);
  };
  const all = Array.from({ length: 1000 }, (_, index) => index);
  const { many, few, routed, tracked } = await alternate(rounds, {
    many: forwarded(all),
    few: forwarded([id]),
    async routed() {
      await firewall.clear();
      return await measure(privateAddress, privatePort);
    },
    async tracked() {
      await firewall.clear();
      await host.run('nft', trackingOnly);
      const value = await measure(privateAddress, privatePort);
      await host.run('nft', 'delete table inet tracking');
      return value;
    },
  });
  return [
    row({ what: `${what}, 3,000 ports`, unit, ours: many, peer: 'the same with 3 ports', theirs: few, goal: sameAsFew }),
    row({ what: `${what}, 3,000 ports`, unit, ours: many, peer: 'plain routed, no rules', theirs: routed, goal: nearlyRouted }),
    row({ what: `${what}, 3,000 ports`, unit, ours: many, peer: 'routed, connections tracked, nothing else', theirs: tracked }),
  ];
}

function rulesetFor(ids: readonly number[]): Ruleset {
  return {
    table: 'myserver_bench',
    bridge,
    ...rulesOf(
      plan,
      ids.map((one) => ({ id: plan.requireId(one), cable: `port${one}`, isStopped: false, ports: {} })),
    ),
    hostServices: [],
    blockedDestinations: [metadataNetwork],
    keepSource: true,
    otherForwarding: 'leave',
  };
}

async function makeWorld(): Promise<World> {
  await using undo = new AsyncDisposableStack();
  const namespaces = undo.use(await makeNamespaces());
  const [host, client, server] = [await namespaces.machine('host'), await namespaces.machine('client'), await namespaces.machine('server')];
  const netnsOf = (machine: Machine) => machine.enter.at(-1)?.split('/').at(-1) ?? '';
  await host.shell(`
    ip link add eth0 type veth peer name eth0 netns ${netnsOf(client)}
    ip link add port${id} type veth peer name eth0 netns ${netnsOf(server)}
    ip addr add ${publicAddress}/30 dev eth0; ip link set eth0 up
    ip link add ${bridge} type bridge; ip addr add ${plan.hostAddress}/16 dev ${bridge}
    ip link set port${id} master ${bridge} up; ip link set ${bridge} up
    echo 1 > /proc/sys/net/ipv4/ip_forward
    [ ! -e /proc/sys/net/bridge ] || echo 0 > /proc/sys/net/bridge/bridge-nf-call-iptables`);
  await client.shell(`ip addr add 198.18.0.2/30 dev eth0; ip link set eth0 up; ip route add default via ${publicAddress}`);
  await server.shell(
    `ip link set eth0 address ${macOf(privateAddress)}; ip addr add ${privateAddress}/16 dev eth0; ip link set eth0 up; ip route add default via ${plan.hostAddress}`,
  );
  const runDir = await mkdtemp(join(tmpdir(), 'myserver-bench-'));
  undo.defer(() => rm(runDir, { recursive: true, force: true }));
  undo.defer(await serve(server));
  const firewall = makeNftFirewall({ table: 'myserver_bench', runDir, log: silentLog, enter: host.enter });
  const kept = undo.move();
  return { host, client, firewall, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** Starts the server's end; what is returned ends it. */
async function serve(server: Machine): Promise<() => Promise<void>> {
  const [program, ...args] = [...server.enter, 'perl', trafficPath, 'serve'];
  // A process group of its own, which it ends whole when its input does.
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], detached: true });
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  return async () => {
    child.stdin.end();
    await ended;
  };
}
