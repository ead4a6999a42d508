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
      'myserver create --count 24 -f csv > class.csv   # IDs, passwords and ports for a class',
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
    .option('--owner <name>', 'whose it is; for administrators (default: you)')
    .option('--notes <text>', 'notes, shown in the list')
    .option('--name <name>', 'a name beside the ID')
    .option('--key <file>', "a public key beside the owner's own, - for standard input; may be repeated", collect)
    .option('--count <n>', 'how many servers (default: 1)')
    .option('--no-start', 'leave it stopped');
  addWait(command);
}

function collect(value: string, before: readonly string[] | undefined): readonly string[] | undefined {
  return [...(before ?? []), value];
}

async function bodyOf(invocation: Invocation, id: string | undefined, options: CreateOptions): Promise<CreateServers> {
  const { system, type, disk, mem, cpus, admin, owner, notes, name, key = [], count, start } = options;
  if (id !== undefined && count !== undefined && count !== '1')
    throw fault('bad-request', `one ID and --count ${count} do not go together: leave the ID out, and the lowest free ones are given`);
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
    ...(owner === undefined ? {} : { owner }),
    ...(notes === undefined ? {} : { notes }),
    ...(name === undefined ? {} : { name }),
    ...(keys.length === 0 ? {} : { keys }),
    ...(start === false ? { start: false } : {}),
  };
}
