/** What the shell may offer next: from the grammar itself, and from control where that needs no password and answers soon. */
import type { Command, Option } from 'commander';
import type { Client } from '../client/client.ts';
import { rights } from '../core/access.ts';
import type { Invocation } from './invocation.ts';
import { visible } from './plain-text.ts';
import { commandEntries, makeProgram } from './run.ts';

interface Candidate {
  readonly value: string;
  readonly description: string;
}

type Source = 'files' | ((client: Client) => Promise<readonly Candidate[]>) | readonly Candidate[];

/** A person who pressed Tab does not wait longer than this for values; commands and options come without. */
const patienceMs = 2000;

const plain = (values: readonly string[]): readonly Candidate[] => values.map((value) => ({ value, description: '' }));
const servers = async (client: Client) =>
  (await client.call('listServers', { query: {} })).servers.map(({ id, status, owner, notes }) => ({
    value: String(id),
    description: `${status}, ${owner}${notes === '' ? '' : `: ${notes}`}`,
  }));
/** `ssh` takes names and `root@` before either. */
const entrances = (current: string) => async (client: Client) => {
  const before = current.slice(0, current.lastIndexOf('@') + 1);
  const named = (await client.call('listServers', { query: {} })).servers.flatMap(({ name, id, status }) =>
    name === null ? [] : [{ value: name, description: `server ${id}, ${status}` }],
  );
  return [...(await servers(client)), ...named].map(({ value, description }) => ({ value: before + value, description }));
};
const people = async (client: Client) =>
  (await client.call('listPeople', {})).people.map(({ name, role }) => ({ value: name, description: role }));
const groups = async (client: Client) =>
  (await client.call('listGroups', {})).groups.map(({ name, description }) => ({ value: name, description }));
const prefixed = (prefix: string, source: typeof groups) => async (client: Client) =>
  (await source(client)).map(({ value, description }) => ({ value: prefix + value, description }));
const images = async (client: Client) => {
  const { images: built, buildable } = await client.call('listImages', {});
  return [...built, ...buildable];
};
const findings = async (client: Client) =>
  (await client.call('doctor', {})).findings.map(({ id, subject }) => ({ value: id, description: subject }));
const operations = async (client: Client) =>
  (await client.call('listOperations', { query: { limit: 20 } })).operations.map(({ id, kind, subject, state }) => ({
    value: id,
    description: `${kind} of ${subject}: ${state}`,
  }));

/** By the name of an argument (`ids`) or of an option (`--owner`). */
const sources: Readonly<Record<string, Source>> = {
  id: servers,
  ids: servers,
  '--server': servers,
  person: people,
  people,
  '--owner': people,
  '--person': people,
  who: async (client) => [...(await people(client)), ...(await prefixed('group:', groups)(client))],
  target: async (client) => [
    ...(await servers(client)),
    ...(await prefixed('group:', groups)(client)),
    { value: 'all', description: 'every server' },
  ],
  right: plain(rights),
  group: groups,
  '--for-group': groups,
  system: async (client) => (await images(client)).map(({ system, type }) => ({ value: `${system}/${type}`, description: '' })),
  '--system': async (client) => plain((await images(client)).map(({ system }) => system)),
  type: async (client) => plain((await images(client)).map(({ type }) => type)),
  '--type': async (client) => plain((await images(client)).map(({ type }) => type)),
  operation: operations,
  '--state': plain(['pending', 'running', 'done', 'failed', 'cancelled']),
  findings,
  tokens: async (client) => (await client.call('listTokens', {})).tokens.map(({ id, label }) => ({ value: id, description: label })),
  fingerprints: async (client) => {
    const { name } = await client.call('me', {});
    if (name === null) return [];
    return (await client.call('listKeys', { params: { name } })).keys.map(({ fingerprint, comment }) => ({
      value: fingerprint,
      description: comment,
    }));
  },
  shell: plain(['bash', 'zsh', 'fish']),
  file: 'files',
  files: 'files',
  '--key': 'files',
  '--ca': 'files',
  '--write': 'files',
  '--remove': 'files',
  '--putty-unix': 'files',
  '--metadata': 'files',
  '--rootfs': 'files',
};

/** Prints what may stand where the last of `words` stands. Never fails: a shell has nowhere to show an error. */
export async function complete(words: readonly string[], invocation: Invocation): Promise<void> {
  const typed = words[0] === '--' ? words.slice(1) : words;
  const current = typed.at(-1) ?? '';
  const source = await sourceFor(typed.slice(0, -1), current, invocation);
  if (source === 'files') {
    invocation.say(':files\n');
    return;
  }
  const candidates = typeof source === 'function' ? await withPatience(source, invocation) : source;
  const offered = new Map(candidates.filter(({ value }) => value.startsWith(current)).map((candidate) => [candidate.value, candidate]));
  for (const { value, description } of offered.values()) invocation.say(`${visible(value)}\t${visible(description)}\n`);
}

async function withPatience(
  source: (client: Client) => Promise<readonly Candidate[]>,
  invocation: Invocation,
): Promise<readonly Candidate[]> {
  try {
    const late = invocation.context.sleep(patienceMs).then(() => []);
    return await Promise.race([source(invocation.client({ neverAsk: true })), late]);
  } catch {
    return [];
  }
}

async function sourceFor(before: readonly string[], current: string, invocation: Invocation): Promise<Source> {
  const program = makeProgram(invocation);
  for (const { load } of commandEntries) (await load())(program, invocation);
  const { command, positionals, open } = walk(program, before);
  if (open !== undefined) return valuesOf(open);
  const inOne = /^(--[\w-]+)=/u.exec(current)?.[1];
  const option = inOne === undefined ? undefined : findOption(command, inOne);
  if (inOne !== undefined && option !== undefined) return withPrefix(`${inOne}=`, valuesOf(option));
  if (current.startsWith('-')) return optionsOf(command);
  if (positionals === 0 && command.commands.length > 0)
    return command.commands.map((one) => ({ value: one.name(), description: one.description() }));
  const argument = command.registeredArguments[positionals] ?? command.registeredArguments.findLast((one) => one.variadic);
  // What follows the ID of `ssh` is the server's, not ours.
  if (argument === undefined || argument.name() === 'command') return [];
  // An ID that is there is the one that cannot be had.
  if (command.name() === 'create') return [];
  const source = argument.name() === 'server' ? entrances(current) : (sources[argument.name()] ?? []);
  return argument.variadic ? without(before, source) : source;
}

/** The command that `words` lead to, how many arguments it has already, and the option that still waits for its value. */
function walk(
  program: Command,
  words: readonly string[],
): { readonly command: Command; readonly positionals: number; readonly open?: Option } {
  let command = program;
  let positionals = 0;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    const option = findOption(command, word);
    if (option !== undefined && takesValue(option)) {
      if (at === words.length - 1) return { command, positionals, open: option };
      at += 1;
    } else if (!word.startsWith('-')) {
      const next = positionals > 0 ? undefined : command.commands.find((one) => one.name() === word || one.aliases().includes(word));
      if (next === undefined) positionals += 1;
      else command = next;
    }
  }
  return { command, positionals };
}

function findOption(command: Command, word: string): Option | undefined {
  return command.options.find((option) => option.long === word || option.short === word);
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

function valuesOf(option: Option): Source {
  return option.argChoices === undefined ? (sources[option.long ?? ''] ?? []) : plain(option.argChoices);
}

/** What was named already is not offered again. */
function without(before: readonly string[], source: Source): Source {
  const rest = (candidates: readonly Candidate[]) => candidates.filter(({ value }) => !before.includes(value));
  if (source === 'files') return source;
  return typeof source === 'function' ? async (client) => rest(await source(client)) : rest(source);
}

function withPrefix(prefix: string, source: Source): Source {
  const put = (candidates: readonly Candidate[]) => candidates.map(({ value, description }) => ({ value: prefix + value, description }));
  if (source === 'files') return source;
  return typeof source === 'function' ? async (client) => put(await source(client)) : put(source);
}

function optionsOf(command: Command): readonly Candidate[] {
  return [
    ...command.options.map((option) => ({ value: option.long ?? option.short ?? '', description: option.description })),
    { value: '--help', description: 'show the help' },
  ];
}
