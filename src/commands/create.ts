import type { Command } from 'commander';
import type { CreateServers } from '../contract/schemas.ts';
import { fault } from '../core/errors.ts';
import { parseServerId } from '../core/ids.ts';
import { parseCount, parseDisk, parseMemory } from './arguments.ts';
import { tellCreated } from './created.ts';
import { addWait, type DeedOptions } from './deed.ts';
import { leaf, optional, perform, type Register } from './grammar.ts';
import type { Invocation } from './invocation.ts';
import { keyFile, publicPart } from './key-file.ts';

interface CreateOptions extends DeedOptions {
  readonly system?: string;
  readonly type?: string;
  readonly disk?: string;
  readonly mem?: string;
  readonly cpus?: string;
  readonly admin?: string;
  readonly owner?: string;
  readonly forGroup?: string;
  readonly notes?: string;
  readonly name?: string;
  readonly key?: readonly string[];
  readonly count?: string;
  readonly start?: boolean;
}

export const registerCreate: Register = (program, invocation) => {
  const command = leaf(program, invocation, {
    usage: 'create [id]',
    aliases: ['new', 'launch'],
    summary: 'create a server, or several',
    examples: [
      'myserver create                              # the next free ID',
      'myserver create 123 --type web --mem 1G',
      'myserver create --key ~/.ssh/id_ed25519.pub --notes "my thesis"',
      'myserver create --for-group course -f csv > class.csv   # one for each member: owners, IDs, passwords, ports',
      'myserver create --owner ada,bob --count 2       # two for each of them',
    ],
    more:
      'It ends with the ways in and a one-time password, which is shown once and must be changed at the first\n' +
      'login ("myserver password ID" makes a new one). ^C stops watching: the creation goes on.',
  });
  addCreateOptions(command);
  perform<CreateOptions>(command, async ([id], options) => {
    const body = await bodyOf(invocation, optional(id), options);
    const client = invocation.client(options);
    const { signal } = invocation.context;
    const created = await client.call('createServers', { body }, { signal, idempotencyKey: invocation.context.randomId() });
    await tellCreated(invocation, options, client, created);
  });
};

function addCreateOptions(command: Command): void {
  command
    .option('--system <name>', 'operating system (default: debian12; see "myserver image list")')
    .option('--type <name>', 'what is on it: minimal, web (default: minimal)')
    .option('--disk <size>', 'disk: 5 (GiB), 5G, 20G (default: 5G)')
    .option('--mem <size>', 'memory: 512 (MiB), 512M, 1G (default: 512M)')
    .option('--cpus <n>', 'CPUs (default: 1)')
    .option('--admin <name>', "the first user inside, with sudo (default: the owner's name)")
    .option('--owner <names>', 'whose it is, or one for each of several: ada,bob; for staff and administrators (default: you)')
    .option('--for-group <name>', 'one for each member of this group; for staff and administrators')
    .option('--notes <text>', 'notes, shown in the list')
    .option('--name <name>', 'a name beside the ID')
    .option('--key <file>', "a public key beside the owner's own, - for standard input; may be repeated", collect)
    .option('--count <n>', 'how many servers, for each owner (default: 1)')
    .option('--no-start', 'leave it stopped');
  addWait(command);
}

function collect(value: string, before: readonly string[] | undefined): readonly string[] | undefined {
  return [...(before ?? []), value];
}

async function bodyOf(invocation: Invocation, id: string | undefined, options: CreateOptions): Promise<CreateServers> {
  const { system, type, disk, mem, cpus, admin, owner, forGroup, notes, name, key = [], count, start } = options;
  if (id !== undefined && count !== undefined && count !== '1')
    throw fault('bad-request', `one ID and --count ${count} do not go together: leave the ID out, and the lowest free ones are given`);
  if (id !== undefined && (forGroup !== undefined || owner?.includes(',') === true))
    throw fault('bad-request', 'one ID and several owners do not go together: leave the ID out, and the lowest free ones are given');
  if (owner !== undefined && forGroup !== undefined)
    throw fault('bad-request', '--owner and --for-group do not go together: leave one of them out');
  const keys = [];
  for (const file of key) keys.push(publicPart(await keyFile(invocation, file), file));
  return {
    ...(id === undefined ? {} : { id: parseServerId(id) }),
    ...(count === undefined ? {} : { count: parseCount(count, 'a number of servers') }),
    ...(system === undefined ? {} : { system }),
    ...(type === undefined ? {} : { type }),
    ...(disk === undefined ? {} : { diskBytes: parseDisk(disk) }),
    ...(mem === undefined ? {} : { memoryBytes: parseMemory(mem) }),
    ...(cpus === undefined ? {} : { cpus: parseCount(cpus, 'a number of CPUs', 1, 512) }),
    ...(admin === undefined ? {} : { admin }),
    ...ownersOf(owner),
    ...(forGroup === undefined ? {} : { group: forGroup }),
    ...(notes === undefined ? {} : { notes }),
    ...(name === undefined ? {} : { name }),
    ...(keys.length === 0 ? {} : { keys }),
    ...(start === false ? { start: false } : {}),
  };
}

function ownersOf(text: string | undefined): Pick<CreateServers, 'owner' | 'owners'> {
  if (text === undefined) return {};
  return text.includes(',') ? { owners: text.split(',').map((name) => name.trim()) } : { owner: text };
}
