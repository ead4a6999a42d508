/** What in a plan collides with the host it runs on, and what to do about each. (Block with block is no finding: such a plan does not parse.) */
import type { Finding } from './finding.ts';
import type { ServerId } from './ids.ts';
import { ipv4Network, ipv4Number, overlap } from './ipv4.ts';
import { idAt, parsePlan, type Plan, portRange } from './plan.ts';
import type { PortBlock, Protocol } from './plan-config.ts';
import { customaryPorts } from './plan-ports.ts';
import { Fault } from '../base/fault.ts';

/** A socket of this host that waits for others. */
export interface Listener {
  readonly protocol: Protocol;
  /** `0.0.0.0` and `::` are every address. */
  readonly address: string;
  readonly port: number;
  /** The program's name, where it could be found. */
  readonly holder?: string | undefined;
}

interface OwnListener {
  /** As a person knows it: `bastion`, `portal`. */
  readonly name: string;
  readonly port: number;
}

export interface PlanFacts {
  readonly listeners: readonly Listener[];
  /** `net.ipv4.ip_local_port_range`. */
  readonly ephemeralRange: readonly [number, number];
  /** `net.ipv4.ip_local_reserved_ports`. */
  readonly reservedRanges: readonly (readonly [number, number])[];
  readonly ownListeners: readonly OwnListener[];
  /** The host's routes; `0.0.0.0/0` and IPv6 may be among them. */
  readonly routes: readonly { readonly network: string; readonly device: string }[];
  readonly ownBridge: string;
  /** Where it is known which IDs are servers now, a held port is said to hide a program or to cost an ID; else both are said. */
  readonly leased?: ReadonlySet<ServerId> | undefined;
}

/** IDs that must not be given out now, because something on the host already holds one of their public ports. */
export function heldIds(plan: Plan, listeners: readonly Listener[]): ReadonlyMap<ServerId, Listener> {
  const held = new Map<ServerId, Listener>();
  for (const listener of listeners) for (const { id } of locateListener(plan, listener)) held.set(id, listener);
  return held;
}

export function checkPlan(plan: Plan, facts: PlanFacts): readonly Finding[] {
  return [
    ...checkOwnListeners(plan, facts),
    ...checkListeners(plan, facts),
    ...checkNetwork(plan, facts),
    ...plan.config.blocks.flatMap((block) => checkEphemeral(plan, block, facts)),
    ...plan.gaps.map(({ block, firstId, lastId }): Finding => ({
      code: 'ids-without-port',
      severity: 'info',
      subject: `block ${block}`,
      found: `${idsText(firstId, lastId)} would have a port beyond 65535 in this block, so they have none and are reached by name only`,
      remedy: 'shorten ids, lower the base or the stride, or put blocks on several publicAddresses',
      canMend: false,
    })),
    ...checkCustomary(plan),
  ];
}

/** The same for configuration that may not even be a plan: then that is the one finding. */
export function checkPlanConfig(config: unknown, facts: PlanFacts): readonly Finding[] {
  try {
    return checkPlan(parsePlan(config), facts);
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'bad-plan') throw error;
    const remedy = 'change the plan in the configuration as the sentence says';
    return [{ code: 'bad-plan', severity: 'error', subject: 'plan', found: error.message, remedy, canMend: false }];
  }
}

interface Located {
  readonly id: ServerId;
  readonly block: PortBlock;
}

function locateListener(plan: Plan, { protocol, address, port }: Listener): readonly Located[] {
  const spoken = address.replace(/^::ffff:(?=\d)/u, '');
  const isEverywhere = spoken === '0.0.0.0' || spoken === '::';
  // Forwards are IPv4 only: who listens on one IPv6 address is in nobody's way.
  if (!isEverywhere && ipv4Number(spoken) === undefined) return [];
  const { publicAddresses } = plan.config;
  const addresses = publicAddresses.length === 0 ? [undefined] : publicAddresses.filter((one) => isEverywhere || one === spoken);
  return addresses.flatMap((one) => plan.locate(port, protocol, one) ?? []);
}

function checkOwnListeners(plan: Plan, { ownListeners }: PlanFacts): readonly Finding[] {
  return ownListeners.flatMap(({ name, port }) =>
    locateListener(plan, { protocol: 'tcp', address: '0.0.0.0', port }).map(({ id, block }): Finding => ({
      code: 'own-listener-in-block',
      severity: 'error',
      subject: `port ${port}/tcp`,
      found: `myserver's own ${name} is on port ${port}, which block ${block.name} gives to ID ${id}: once ID ${id} is a server, nobody reaches the ${name}`,
      remedy: `give the ${name} a port outside ${rangeText(plan, block)}, or move block ${block.name}`,
      canMend: false,
    })),
  );
}

function checkListeners(plan: Plan, { listeners, ownListeners, leased }: PlanFacts): readonly Finding[] {
  const own = new Set(ownListeners.map(({ port }) => port));
  const found = new Map<string, Finding>();
  for (const listener of listeners) {
    if (listener.protocol === 'tcp' && own.has(listener.port)) continue;
    for (const { id, block } of locateListener(plan, listener)) {
      const port = `${listener.port}/${listener.protocol}`;
      const who = listener.holder ?? 'a program of this host';
      found.set(`${port} ${id} ${who}`, {
        code: 'port-held',
        severity: leased?.has(id) === false ? 'info' : 'warning',
        subject: `port ${port}`,
        found: `${who} listens on port ${port} (${listener.address}), which block ${block.name} gives to ID ${id}: ${consequence(id, leased)}`,
        remedy: `move ${listener.holder ?? 'it'} to a port outside ${rangeText(plan, block)}, or leave it and do without ID ${id}`,
        canMend: false,
      });
    }
  }
  return [...found.values()];
}

function consequence(id: ServerId, leased: PlanFacts['leased']): string {
  const passedOver = `ID ${id} is passed over when IDs are given out`;
  if (leased === undefined) return `${passedOver}, and if it is a server already, that program is hidden behind it`;
  return leased.has(id) ? `ID ${id} is a server, and that program is hidden behind it` : passedOver;
}

function checkNetwork(plan: Plan, { routes, ownBridge }: PlanFacts): readonly Finding[] {
  const taken = routes.flatMap(({ network, device }) => {
    const parsed = ipv4Network(network);
    return parsed === undefined || parsed.prefix === 0 || device === ownBridge ? [] : [{ network: parsed, device }];
  });
  const free = ['192.168.0.0/16', '10.77.0.0/16', '10.177.0.0/16', '172.16.0.0/16', '172.30.0.0/16'].find((text) => {
    const candidate = ipv4Network(text);
    return candidate !== undefined && !taken.some(({ network }) => overlap(network, candidate));
  });
  const example = free === undefined ? '' : `, for example ${free} (nothing here uses it)`;
  return taken
    .filter(({ network }) => overlap(network, plan.network))
    .map(({ network, device }): Finding => {
      const isWider = network.prefix < plan.network.prefix;
      return {
        code: isWider ? 'network-inside-route' : 'network-taken',
        severity: isWider ? 'warning' : 'error',
        subject: `network ${plan.network.text}`,
        found: isWider
          ? `the host reaches ${network.text} through ${device}, and the servers' network ${plan.network.text} hides its part of it: whatever has such an address there is out of reach, for every ID`
          : `the host already has ${network.text} on ${device}, inside the servers' network ${plan.network.text}: ${concerned(plan, network.first, network.last)} cannot be reached there, or those hosts cannot`,
        remedy: `choose another network and host in the plan${example}, before the first server is created`,
        canMend: false,
      };
    });
}

function checkEphemeral(plan: Plan, block: PortBlock, { ephemeralRange, reservedRanges }: PlanFacts): readonly Finding[] {
  const { first, last } = portRange(plan, block);
  const [from, to] = [Math.max(first, ephemeralRange[0]), Math.min(last, ephemeralRange[1])];
  let open = from <= to ? [[from, to] as const] : [];
  for (const [low, high] of reservedRanges) {
    open = open.flatMap(([start, end]) => {
      if (high < start || low > end) return [[start, end] as const];
      return [[start, low - 1] as const, [high + 1, end] as const].filter(([a, b]) => a <= b);
    });
  }
  return open.map(([start, end]): Finding => {
    return {
      code: 'ports-not-reserved',
      severity: 'warning',
      subject: `block ${block.name}`,
      found: `the kernel may lend ports ${start}-${end} to any program of this host (net.ipv4.ip_local_port_range), and block ${block.name} gives them to ${idsText(Math.ceil(idAt(block, start)), Math.floor(idAt(block, end)))}`,
      remedy: `add ${start}-${end} to net.ipv4.ip_local_reserved_ports`,
      canMend: true,
    };
  });
}

function checkCustomary(plan: Plan): readonly Finding[] {
  return customaryPorts.flatMap(({ port, use, isRefusedByBrowsers }) =>
    locateListener(plan, { protocol: 'tcp', address: '0.0.0.0', port }).flatMap(({ id, block }): readonly Finding[] => {
      const isForBrowsers = block.privatePort !== 22;
      const refused = isRefusedByBrowsers && isForBrowsers ? ', and browsers refuse to open it' : '';
      return [
        {
          code: 'port-customary',
          severity: 'info',
          subject: `port ${port}/tcp`,
          found: `block ${block.name} gives port ${port} to ID ${id}; by custom it belongs to ${use}${refused}`,
          remedy: `nothing, unless this host is to run ${use} or a firewall on the way treats that port in its own manner: then do without ID ${id}`,
          canMend: false,
        },
      ];
    }),
  );
}

function rangeText(plan: Plan, block: PortBlock): string {
  const { first, last } = portRange(plan, block);
  return `${first}-${last}`;
}

/** Which IDs have addresses from `first` to `last`. */
function concerned(plan: Plan, first: number, last: number): string {
  const inside: number[] = [];
  for (let id = plan.ids.first; id <= plan.ids.last; id += 1) {
    const address = ipv4Number(plan.addressOf(plan.requireId(id))) ?? 0;
    if (address >= first && address <= last) inside.push(id);
  }
  const [lowest, highest] = [inside[0], inside.at(-1)];
  return lowest === undefined || highest === undefined ? 'no ID now, but the host itself,' : idsText(lowest, highest);
}

function idsText(first: number, last: number): string {
  return first === last ? `ID ${first}` : `IDs ${first}-${last}`;
}
