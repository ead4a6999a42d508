/**
 * Who may come to one port of a server by the public address: one decision, which every door asks.
 *
 * - `public`: everybody.
 * - `signed-in`: everybody who has signed in.
 * - `shared`: who has at least the right `read` on the server.
 * - `off`: nobody.
 *
 * Whoever may enter a server (the right `write`) reaches all its ports through the bastion anyway. What is not public has no port in the kernel's map and no
 * page but, for who signs in, one on an origin of its own (core/web-pass.ts).
 */
import { fault } from './errors.ts';
import { shorten } from './ids.ts';
import type { Plan } from './plan.ts';

export const portPolicies = ['public', 'signed-in', 'shared', 'off'] as const;
export type PortPolicy = (typeof portPolicies)[number];

/** Whether addresses in pages below a prefix are made right: `auto` is where a browser will render them. */
export const repairModes = ['auto', 'on', 'off'] as const;
export type RepairMode = (typeof repairModes)[number];
/** By name of a port of the web; what is not named is `auto`. */
export type RepairChoices = Readonly<Record<string, RepairMode>>;

/** What a server says of its own ports, by name; of the others the plan speaks. */
export type PortPolicies = Readonly<Record<string, PortPolicy>>;

/** The ports that are pages of the web: the word in their addresses, and the private port. A plan without such a block has the pages all the same. */
export function webDoorsOf({ config }: Pick<Plan, 'config'>): readonly { readonly name: 'www' | 'usr'; readonly port: number }[] {
  const portOf = (name: string, usual: number) => config.blocks.find((block) => block.name === name)?.privatePort ?? usual;
  return [
    { name: 'www', port: portOf('www', 80) },
    { name: 'usr', port: portOf('usr', 8000) },
  ];
}

/** The ports that have a policy: the plan's blocks, and the web's. */
export function portNamesOf(plan: Pick<Plan, 'config'>): readonly string[] {
  return [...new Set([...plan.config.blocks.map(({ name }) => name), ...webDoorsOf(plan).map(({ name }) => name)])];
}

export function policyOf({ config }: Pick<Plan, 'config'>, own: PortPolicies, name: string): PortPolicy {
  return own[name] ?? config.policies[name] ?? 'public';
}

/** What a server says after a change: `default` takes its own word for that port away. Throws `bad-request` for a port or policy that is none. */
export function changedPolicies(plan: Pick<Plan, 'config'>, own: PortPolicies, change: Readonly<Record<string, string>>): PortPolicies {
  return changedWords({ what: 'a policy of a port', names: portNamesOf(plan), words: portPolicies, usual: 'default' }, own, change);
}

/** The same for repair, whose default is `auto`. */
export function changedRepair(plan: Pick<Plan, 'config'>, own: RepairChoices, change: Readonly<Record<string, string>>): RepairChoices {
  const names = webDoorsOf(plan).map(({ name }) => name);
  return changedWords({ what: 'a way to repair pages', names, words: repairModes, usual: 'auto' }, own, change);
}

interface Wording<W extends string> {
  readonly what: string;
  readonly names: readonly string[];
  readonly words: readonly W[];
  /** Takes the server's own word away. */
  readonly usual: string;
}

function changedWords<W extends string>(
  { what, names, words, usual }: Wording<W>,
  own: Readonly<Record<string, W>>,
  change: Readonly<Record<string, string>>,
): Readonly<Record<string, W>> {
  const next: Record<string, W> = { ...own };
  for (const [name, given] of Object.entries(change)) {
    if (!names.includes(name)) throw fault('bad-request', `there is no port "${shorten(name)}" for that: there are ${names.join(', ')}`);
    const word = words.find((known) => known === given);
    if (given === usual) Reflect.deleteProperty(next, name);
    else if (word !== undefined) next[name] = word;
    else throw fault('bad-request', `"${shorten(given)}" is not ${what}: say ${[...new Set([...words, usual])].join(', ')}`);
  }
  return next;
}
