/** The plan as configuration: what an administrator writes in JSON, its presets, and the reading of it. `plan.ts` computes with what comes out. */
import { fault } from './errors.ts';
import { shorten } from './ids.ts';
import { portPolicies, type PortPolicies } from './port-policy.ts';

export type Protocol = 'tcp' | 'udp';

/**
 * How a private address follows from an ID.
 * `classic`: `a.b.(10 + ID div 100).(100 + ID mod 100)`, a.b from the network, readable by people.
 * `offset`: `first + ID`; so `first` is the address that ID 0 has or would have.
 */
type AddressRule = { readonly rule: 'classic' } | { readonly rule: 'offset'; readonly first: string };

/** A range of public ports: `base + stride x ID + offset` is forwarded to `privatePort` of the server with that ID. */
export interface PortBlock {
  readonly name: string;
  readonly privatePort: number;
  readonly base: number;
  readonly stride: number;
  readonly offset: number;
  readonly protocols: readonly Protocol[];
  /** Which of `publicAddresses` it is on. Meaningless without them. */
  readonly addressIndex: number;
}

export interface PlanConfig {
  /** The private network. */
  readonly network: string;
  /** The host's own address in it: the servers' gateway, DNS and DHCP. */
  readonly host: string;
  readonly address: AddressRule;
  readonly ids: { readonly first: number; readonly last: number };
  readonly blocks: readonly PortBlock[];
  /** Empty: the blocks are on every address of the host. Else each is on the one that its `addressIndex` names: 64,000 ports an address. */
  readonly publicAddresses: readonly string[];
  /** Of ports by name, for servers that say nothing themselves; a port not named is public. See `port-policy.ts`. */
  readonly policies: PortPolicies;
}

const presetNames = ['classic', 'single', 'strided', 'two-octet'] as const;
export type PresetName = (typeof presetNames)[number];

function block(name: string, privatePort: number, base: number, rest: Partial<PortBlock> = {}): PortBlock {
  return { name, privatePort, base, stride: 1, offset: 0, protocols: ['tcp'], addressIndex: 0, ...rest };
}

/** Arrangements that other networks use, so that one can move here and keep every number. */
export const planPresets: Readonly<Record<PresetName, PlanConfig>> = {
  classic: {
    network: '192.168.0.0/16',
    host: '192.168.0.1',
    address: { rule: 'classic' },
    ids: { first: 0, last: 999 },
    blocks: [block('ssh', 22, 2000), block('www', 80, 8000), block('usr', 8000, 58_000)],
    publicAddresses: [],
    policies: {},
  },
  // The ID is the last number of the address, 1..254.
  single: {
    network: '192.168.0.0/16',
    host: '192.168.0.1',
    address: { rule: 'offset', first: '192.168.1.0' },
    ids: { first: 1, last: 254 },
    blocks: [block('ssh', 22, 30_000)],
    publicAddresses: [],
    policies: {},
  },
  strided: {
    network: '192.168.0.0/16',
    host: '192.168.0.1',
    address: { rule: 'offset', first: '192.168.1.0' },
    ids: { first: 1, last: 254 },
    blocks: [
      block('ssh', 22, 30_000, { stride: 3, offset: 0 }),
      block('www', 80, 30_000, { stride: 3, offset: 1 }),
      block('tls', 443, 30_000, { stride: 3, offset: 2 }),
    ],
    publicAddresses: [],
    policies: {},
  },
  // The address ends in y.x and the ID is x + 256y; 35535 is the last ID whose port is one.
  'two-octet': {
    network: '10.10.0.0/16',
    host: '10.10.255.254',
    address: { rule: 'offset', first: '10.10.0.0' },
    ids: { first: 1, last: 35_535 },
    blocks: [block('ssh', 22, 30_000, { protocols: ['tcp', 'udp'] })],
    publicAddresses: [],
    policies: {},
  },
};

/**
 * Reads a plan from JSON that a person wrote. `{}` is the classic plan, `{ preset: 'strided' }` another; whatever else is named replaces that part of
 * the preset. Shapes and single numbers are checked here, what they mean together in `parsePlan`. Throws `bad-plan`; a misspelt word is an error.
 */
export function readPlanConfig(input: unknown): PlanConfig {
  const given = record(input, 'the plan', ['preset', 'network', 'host', 'address', 'ids', 'blocks', 'publicAddresses', 'policies']);
  const preset = planPresets[oneOf(given['preset'] ?? 'classic', 'preset', presetNames)];
  const { network, host, address, ids, publicAddresses } = given;
  const blocks =
    given['blocks'] === undefined
      ? preset.blocks
      : list(given['blocks'], 'blocks', 32).map((item, index) => readBlock(item, `blocks[${index}]`));
  const names = [...new Set([...blocks.map(({ name }) => name), 'www', 'usr'])];
  return {
    network: network === undefined ? preset.network : text(network, 'network'),
    host: host === undefined ? preset.host : text(host, 'host'),
    address: address === undefined ? preset.address : readRule(address),
    ids: ids === undefined ? preset.ids : readIds(ids),
    blocks,
    policies: given['policies'] === undefined ? preset.policies : readPolicies(given['policies'], names),
    publicAddresses:
      publicAddresses === undefined
        ? preset.publicAddresses
        : list(publicAddresses, 'publicAddresses', 256).map((item) => text(item, 'publicAddresses')),
  };
}

function readPolicies(input: unknown, names: readonly string[]): PortPolicies {
  const given = record(input, 'policies', names);
  return Object.fromEntries(Object.entries(given).map(([name, word]) => [name, oneOf(word, `policies.${name}`, portPolicies)]));
}

function readRule(input: unknown): AddressRule {
  const given = record(input, 'address', ['rule', 'first']);
  const rule = oneOf(given['rule'], 'address.rule', ['classic', 'offset'] as const);
  if (rule === 'offset') return { rule, first: text(given['first'], 'address.first') };
  if (given['first'] !== undefined) throw bad('address.first belongs to the rule offset: leave it out with the rule classic');
  return { rule };
}

function readIds(input: unknown): PlanConfig['ids'] {
  const given = record(input, 'ids', ['first', 'last']);
  const first = whole(given['first'] ?? 0, 'ids.first', 0, 65_535);
  return { first, last: whole(given['last'], 'ids.last', first, 65_535) };
}

function readBlock(input: unknown, where: string): PortBlock {
  const given = record(input, where, ['name', 'privatePort', 'base', 'stride', 'offset', 'protocols', 'addressIndex']);
  const name = text(given['name'], `${where}.name`);
  if (!/^[a-z][a-z\d-]{0,15}$/u.test(name))
    throw bad(`${where}.name is "${shorten(name)}": a block's name is 1 to 16 of a-z, 0-9 and "-", beginning with a letter`);
  const protocols = list(given['protocols'] ?? ['tcp'], `${where}.protocols`, 2).map((item) =>
    oneOf(item, `${where}.protocols`, ['tcp', 'udp'] as const),
  );
  if (protocols.length === 0 || new Set(protocols).size < protocols.length)
    throw bad(`${where}.protocols names tcp, udp or both, each once`);
  return {
    name,
    privatePort: whole(given['privatePort'], `${where}.privatePort`, 1, 65_535),
    base: whole(given['base'], `${where}.base`, 0, 65_535),
    stride: whole(given['stride'] ?? 1, `${where}.stride`, 1, 65_535),
    offset: whole(given['offset'] ?? 0, `${where}.offset`, 0, 65_535),
    protocols,
    addressIndex: whole(given['addressIndex'] ?? 0, `${where}.addressIndex`, 0, 255),
  };
}

export function bad(sentence: string): Error {
  return fault('bad-plan', sentence);
}

function record(input: unknown, where: string, keys: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    throw bad(`${where} must be an object with ${keys.join(', ')}, not ${show(input)}`);
  for (const key of Object.keys(input))
    if (!keys.includes(key)) throw bad(`${where} has no "${shorten(key)}": it takes ${keys.join(', ')}`);
  return { ...input };
}

function list(input: unknown, where: string, most: number): readonly unknown[] {
  if (!Array.isArray(input) || input.length > most) throw bad(`${where} must be a list of at most ${most}, not ${show(input)}`);
  return input;
}

function text(input: unknown, where: string): string {
  if (typeof input !== 'string') throw bad(`${where} must be text, not ${show(input)}`);
  return input;
}

function whole(input: unknown, where: string, least: number, most: number): number {
  if (typeof input !== 'number' || !Number.isInteger(input) || input < least || input > most) {
    throw bad(`${where} must be a whole number from ${least} to ${most}, not ${show(input)}`);
  }
  return input;
}

function oneOf<const T extends string>(input: unknown, where: string, allowed: readonly T[]): T {
  const found = allowed.find((item) => item === input);
  if (found === undefined) throw bad(`${where} must be one of ${allowed.join(', ')}, not ${show(input)}`);
  return found;
}

function show(input: unknown): string {
  if (Array.isArray(input)) return `a list of ${input.length}`;
  return JSON.stringify(input)?.slice(0, 40) ?? 'nothing';
}
