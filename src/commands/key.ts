import type { Command } from 'commander';
import type { KeyView } from '../contract/schemas.ts';
import { parseIds } from './arguments.ts';
import type { Column } from './format.ts';
import { addColumnOptions, branch, leaf, listed, perform, type Register } from './grammar.ts';
import type { CommonOptions, Invocation, RowOptions } from './invocation.ts';
import { keyFile, publicPart } from './key-file.ts';
import { personOf } from './whose.ts';

const columns: readonly Column<KeyView>[] = [
  { name: 'fingerprint', cell: (key) => key.fingerprint },
  { name: 'algorithm', cell: (key) => key.algorithm },
  { name: 'added', cell: (key) => key.addedAt },
  { name: 'comment', cell: (key) => key.comment },
];

export const registerKey: Register = (program, invocation) => {
  const key = branch(program, invocation, 'key', 'your SSH public keys, put into the servers you create').alias('keys');
  registerAdd(key, invocation);
  registerKeyList(key, invocation);
  registerRemove(key, invocation);
};

function registerAdd(key: Command, invocation: Invocation): void {
  const command = leaf(key, invocation, {
    usage: 'add [files...]',
    summary: 'add public keys: OpenSSH, RFC 4716 or PuTTY .ppk',
    examples: ['myserver key add ~/.ssh/id_ed25519.pub', 'myserver key add putty.ppk --server 123', 'ssh-add -L | myserver key add -'],
    more: 'Without a file, or with "-", standard input is read. Of a .ppk file only the public half is sent.',
  })
    .option('--server <ids>', 'put them into these servers too, at once: 123 or 5-9')
    .option('--person <name>', 'whose; for administrators (default: you)');
  perform<CommonOptions & { readonly server?: string; readonly person?: string }>(command, async (args, options) => {
    const files = listed(args[0]);
    const texts = [];
    for (const file of files.length === 0 ? ['-'] : files) texts.push(publicPart(await keyFile(invocation, file), file));
    const client = invocation.client(options);
    const name = await personOf(invocation, client, options.person, '--person NAME');
    const body = { text: texts.join('\n'), ...(options.server === undefined ? {} : { servers: [...parseIds([options.server])] }) };
    const { keys } = await client.call('addKeys', { params: { name }, body }, { signal: invocation.context.signal });
    await invocation.rows(options, columns, keys);
  });
}

function registerKeyList(key: Command, invocation: Invocation): void {
  const command = leaf(key, invocation, { usage: 'list', aliases: ['ls'], summary: 'your keys', examples: ['myserver key list'] });
  addColumnOptions(command, columns).option('--person <name>', 'whose (default: yours)');
  perform<RowOptions & { readonly person?: string }>(command, async (_args, options) => {
    const client = invocation.client(options);
    const name = await personOf(invocation, client, options.person, '--person NAME');
    const { keys } = await client.call('listKeys', { params: { name } }, { signal: invocation.context.signal });
    await invocation.rows(options, columns, keys);
  });
}

function registerRemove(key: Command, invocation: Invocation): void {
  const command = leaf(key, invocation, {
    usage: 'remove <fingerprints...>',
    aliases: ['rm'],
    summary: 'remove keys; servers made before keep theirs',
    examples: ['myserver key remove SHA256:uVXc7vV0hY4...'],
  }).option('--person <name>', 'whose; for administrators (default: you)');
  perform<CommonOptions & { readonly person?: string }>(command, async (args, options) => {
    const client = invocation.client(options);
    const name = await personOf(invocation, client, options.person, '--person NAME');
    const fingerprints = listed(args[0]);
    for (const id of fingerprints) await client.call('removeKey', { params: { name, id } }, { signal: invocation.context.signal });
    await invocation.result(options, { removed: fingerprints }, fingerprints.map((id) => `key ${id} is removed\n`).join(''));
  });
}
