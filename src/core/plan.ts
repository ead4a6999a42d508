/**
 * The addressing plan: pure arithmetic between an ID, its private address and its public ports, both ways, without state. Nothing else in the code
 * computes a port or an address. All of it is O(1) in the number of IDs.
 */
import { unreachable } from '../base/brand.ts';
import { fault } from './errors.ts';
import { parseServerId, shorten, type ServerId } from './ids.ts';
import { ipv4Network, ipv4Number, ipv4Text, type Network } from './ipv4.ts';
import { bad, readPlanConfig, type PlanConfig, type PortBlock, type Protocol } from './plan-config.ts';

export interface PublicPort {
  /** The block's name: `ssh`. */
  readonly block: string;
  readonly protocol: Protocol;
  /** Undefined: every address of the host. */
  readonly publicAddress: string | undefined;
  readonly publicPort: number;
  readonly privatePort: number;
}

/** IDs whose port in a block would be no port: they are reached by name only. */
interface PortGap {
  readonly block: string;
  readonly firstId: number;
  readonly lastId: number;
}

export interface Plan {
  readonly config: PlanConfig;
  readonly network: Network;
  readonly hostAddress: string;
  readonly ids: { readonly first: number; readonly last: number; readonly count: number };
  has(id: number): boolean;
  /** The ID that text from outside names, when the plan has it. Throws `bad-id`, naming the range. */
  requireId(text: string | number): ServerId;
  addressOf(id: ServerId): string;
  /** Undefined for an address that is no ID's. */
  idOfAddress(address: string): ServerId | undefined;
  /** In the order of the blocks, then of their protocols. A block in which the ID has no port is left out: see `gaps`. */
  portsOf(id: ServerId): readonly PublicPort[];
  /** Undefined when there is no such block, or when the ID has no port in it. */
  portOf(id: ServerId, blockName: string): number | undefined;
  /** Whose public port that is. `publicAddress` is asked only in a plan with several; without it there the first is meant. */
  locate(publicPort: number, protocol: Protocol, publicAddress?: string): { readonly id: ServerId; readonly block: PortBlock } | undefined;
  readonly gaps: readonly PortGap[];
}

const highestPort = 65_535;

/** The plan that JSON configuration describes (see `readPlanConfig`). Throws `bad-plan` with a sentence. A plan that parses has no port twice. */
export function parsePlan(input: unknown): Plan {
  const config = readPlanConfig(input);
  const { ids, blocks } = config;
  const network = ipv4Network(config.network);
  if (network === undefined || network.prefix < 8 || network.prefix > 30) {
    throw bad(`network is "${shorten(config.network)}": write an IPv4 network such as 192.168.0.0/16, with nothing after its own bits`);
  }
  const rule = addressRule(config, network);
  checkAddresses(config, network, rule);
  checkPublicAddresses(config);
  checkBlocks(config);

  const has = (id: number): boolean => Number.isInteger(id) && id >= ids.first && id <= ids.last;
  const addressAt = (item: PortBlock): string | undefined => config.publicAddresses[item.addressIndex];

  return {
    config,
    network,
    hostAddress: config.host,
    ids: { ...ids, count: ids.last - ids.first + 1 },
    has,
    requireId(text) {
      const id = parseServerId(text);
      if (!has(id)) throw fault('bad-id', `there is no ID ${id} here: IDs go from ${ids.first} to ${ids.last}`);
      return id;
    },
    addressOf: (id) => ipv4Text(rule.address(id)),
    idOfAddress(address) {
      const value = ipv4Number(address);
      const id = value === undefined ? undefined : rule.id(value);
      return id !== undefined && has(id) ? parseServerId(id) : undefined;
    },
    portsOf: (id) =>
      blocks.flatMap((item) => {
        const publicPort = portIn(item, id);
        if (publicPort > highestPort) return [];
        return item.protocols.map((protocol) => ({
          block: item.name,
          protocol,
          publicAddress: addressAt(item),
          publicPort,
          privatePort: item.privatePort,
        }));
      }),
    portOf(id, blockName) {
      const item = blocks.find(({ name }) => name === blockName);
      const port = item === undefined ? undefined : portIn(item, id);
      return port === undefined || port > highestPort ? undefined : port;
    },
    locate(publicPort, protocol, publicAddress = config.publicAddresses[0]) {
      if (!Number.isInteger(publicPort) || publicPort > highestPort) return undefined;
      for (const item of blocks) {
        const id = idAt(item, publicPort);
        const isHere = config.publicAddresses.length === 0 || addressAt(item) === publicAddress;
        if (isHere && item.protocols.includes(protocol) && has(id)) return { id: parseServerId(id), block: item };
      }
      return undefined;
    },
    gaps: blocks.flatMap((item) => gapOf(item, ids)),
  };
}

type PortRule = Pick<PortBlock, 'base' | 'stride' | 'offset'>;

/** Beyond 65535 it is no port. */
export function portIn(item: PortRule, id: number): number {
  return item.base + item.stride * id + item.offset;
}

/** Which ID has that port in the block: no whole number where the port lies between those of two IDs. */
export function idAt(item: PortRule, port: number): number {
  return (port - item.base - item.offset) / item.stride;
}

/** The first and the last port of a block, those between that its stride leaves out among them. */
export function portRange({ ids }: Pick<PlanConfig, 'ids'>, item: PortRule): { readonly first: number; readonly last: number } {
  return { first: portIn(item, ids.first), last: Math.min(portIn(item, ids.last), highestPort) };
}

function gapOf(item: PortBlock, ids: PlanConfig['ids']): readonly PortGap[] {
  const firstWithout = Math.floor(idAt(item, highestPort)) + 1;
  return firstWithout > ids.last ? [] : [{ block: item.name, firstId: Math.max(firstWithout, ids.first), lastId: ids.last }];
}

interface Arithmetic {
  address(id: number): number;
  /** The only ID whose address it may be; undefined for none. */
  id(address: number): number | undefined;
}

function addressRule(config: PlanConfig, network: Network): Arithmetic {
  const rule = config.address;
  switch (rule.rule) {
    case 'classic': {
      if (network.prefix > 16)
        throw bad(`the address rule classic needs a network of /16 or larger, and network is ${network.text}: use the rule offset`);
      if (config.ids.last > 24_599)
        throw bad(`the address rule classic ends at ID 24599, and ids.last is ${config.ids.last}: use the rule offset`);
      return {
        address: (id) => network.first + (10 + Math.floor(id / 100)) * 256 + 100 + (id % 100),
        id(address) {
          const row = Math.floor((address - network.first) / 256) - 10;
          const column = (address % 256) - 100;
          return row >= 0 && column >= 0 && column < 100 ? row * 100 + column : undefined;
        },
      };
    }
    case 'offset': {
      const first = ipv4Number(rule.first);
      if (first === undefined) throw bad(`address.first is "${shorten(rule.first)}": write the IPv4 address that ID 0 has or would have`);
      return { address: (id) => first + id, id: (address) => address - first };
    }
    default:
      return unreachable(rule);
  }
}

function checkAddresses({ host, ids }: PlanConfig, network: Network, rule: Arithmetic): void {
  const hostNumber = ipv4Number(host);
  if (hostNumber === undefined || hostNumber <= network.first || hostNumber >= network.last) {
    throw bad(`host is "${shorten(host)}": it must be an address inside ${network.text}, neither its first nor its last`);
  }
  for (const id of [ids.first, ids.last]) {
    const address = rule.address(id);
    if (address <= network.first || address >= network.last) {
      throw bad(
        `ID ${id} would have the address ${address <= 0xffff_ffff ? ipv4Text(address) : 'beyond 255.255.255.255'}, which no server in ${network.text} can have: change ids, address or network`,
      );
    }
  }
  const hostId = rule.id(hostNumber);
  if (hostId !== undefined && hostId >= ids.first && hostId <= ids.last) {
    throw bad(`host is ${host}, which is also the address of ID ${hostId}: give the host an address outside the servers' range`);
  }
}

function checkPublicAddresses({ publicAddresses, blocks }: PlanConfig): void {
  for (const address of publicAddresses) {
    if (ipv4Number(address) === undefined) throw bad(`publicAddresses has "${shorten(address)}": write IPv4 addresses of this host`);
  }
  if (new Set(publicAddresses).size < publicAddresses.length) throw bad('publicAddresses names an address twice');
  const stray = blocks.find(({ addressIndex }) => addressIndex > 0 && addressIndex >= publicAddresses.length);
  if (stray !== undefined)
    throw bad(
      `block ${stray.name} is on public address number ${stray.addressIndex}, and publicAddresses has only ${publicAddresses.length} (counted from 0)`,
    );
}

function checkBlocks({ blocks, ids }: PlanConfig): void {
  const names = new Set<string>();
  /** For each protocol and address: which block (by number, from 1) has each port. */
  const holders = new Map<string, Uint8Array>();
  for (const [index, item] of blocks.entries()) {
    if (names.has(item.name)) throw bad(`two blocks are named ${item.name}`);
    names.add(item.name);
    const firstPort = portIn(item, ids.first);
    if (firstPort < 1 || firstPort > highestPort)
      throw bad(`block ${item.name} gives ID ${ids.first} the port ${firstPort}, which is none: ports go from 1 to ${highestPort}`);
    for (const protocol of item.protocols) {
      const key = `${protocol} ${item.addressIndex}`;
      const ports = holders.get(key) ?? new Uint8Array(highestPort + 1);
      holders.set(key, ports);
      for (let id = ids.first; id <= ids.last; id += 1) {
        const port = portIn(item, id);
        if (port > highestPort) break;
        const other = blocks[(ports[port] ?? 0) - 1];
        if (other !== undefined) throw bad(collision(item, id, other, port, protocol));
        ports[port] = index + 1;
      }
    }
  }
}

function collision(item: PortBlock, id: number, other: PortBlock, port: number, protocol: Protocol): string {
  const otherId = idAt(other, port);
  return (
    `port ${port}/${protocol} would belong to ID ${otherId} in block ${other.name} and to ID ${id} in block ${item.name}: ` +
    'move a base, shorten ids, or put one of the blocks on another public address'
  );
}
