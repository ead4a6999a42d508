import type { Command } from 'commander';
import type { GroupView } from '../contract/schemas.ts';
import type { Column } from './format.ts';
import { addColumnOptions, addYes, branch, leaf, listed, perform, type Register, required } from './grammar.ts';
import type { CommonOptions, Invocation, RowOptions } from './invocation.ts';

const columns: readonly Column<GroupView>[] = [
  { name: 'name', cell: (group) => group.name },
  { name: 'members', cell: (group) => group.members.map(({ person, isLeader }) => (isLeader ? `${person}*` : person)).join(' ') },
  { name: 'description', cell: (group) => group.description },
];

export const registerGroup: Register = (program, invocation) => {
  const group = branch(program, invocation, 'group', 'classes and courses of people').alias('groups');
  const add = leaf(group, invocation, {
    usage: 'add <name>',
    summary: 'add a group',
    examples: ['myserver group add web2026 --description "Web programming, winter"'],
  }).option('--description <text>', 'what it is');
  perform<CommonOptions & { readonly description?: string }>(add, async (args, options) => {
    const body = { name: required(args[0]), ...(options.description === undefined ? {} : { description: options.description }) };
    const { group: added } = await invocation.client(options).call('addGroup', { body }, { signal: invocation.context.signal });
    await invocation.result(options, added, `group ${added.name} is there\n`);
  });
  registerGroupList(group, invocation);
  registerRemove(group, invocation);
  registerMember(group, invocation);
};

function registerGroupList(group: Command, invocation: Invocation): void {
  const command = leaf(group, invocation, {
    usage: 'list',
    aliases: ['ls'],
    summary: 'groups and their members; * leads',
    examples: ['myserver group list'],
  });
  addColumnOptions(command, columns);
  perform<RowOptions>(command, async (_args, options) => {
    const { groups } = await invocation.client(options).call('listGroups', {}, { signal: invocation.context.signal });
    await invocation.rows(options, columns, groups);
  });
}

function registerRemove(group: Command, invocation: Invocation): void {
  const command = leaf(group, invocation, {
    usage: 'remove <group>',
    aliases: ['rm'],
    summary: 'remove a group and every grant to it or on it',
    examples: ['myserver group remove web2026'],
  });
  addYes(command);
  perform<CommonOptions & { readonly yes?: boolean }>(command, async (args, options) => {
    const name = required(args[0]);
    const question = `Remove group ${name} and every grant to it or on it? Type yes: `;
    await invocation.confirm(options, `removing group ${name}`, question, (answer) => answer === 'yes');
    await invocation.client(options).call('removeGroup', { params: { name } }, { signal: invocation.context.signal });
    await invocation.result(options, { removed: name }, `group ${name} is removed\n`);
  });
}

function registerMember(group: Command, invocation: Invocation): void {
  const member = branch(group, invocation, 'member', 'who belongs to a group').alias('members');
  const add = leaf(member, invocation, {
    usage: 'add <group> <people...>',
    summary: 'add members, or change who leads',
    examples: ['myserver group member add web2026 jbond007 mm', 'myserver group member add web2026 q --leader'],
  })
    .option('--leader', 'they lead the group')
    .option('--no-leader', 'they do not lead it');
  perform<CommonOptions & { readonly leader?: boolean }>(add, async (args, options) => {
    const [name, people] = [required(args[0]), listed(args[1])];
    const client = invocation.client(options);
    const body = options.leader === undefined ? {} : { isLeader: options.leader };
    let result: GroupView | undefined;
    for (const person of people)
      ({ group: result } = await client.call('setMember', { params: { name, person }, body }, { signal: invocation.context.signal }));
    await invocation.result(
      options,
      result,
      `group ${name}: ${people.join(', ')} ${people.length === 1 ? 'is a member' : 'are members'}\n`,
    );
  });
  const remove = leaf(member, invocation, {
    usage: 'remove <group> <people...>',
    aliases: ['rm'],
    summary: 'take members out',
    examples: ['myserver group member remove web2026 jbond007'],
  });
  perform<CommonOptions>(remove, async (args, options) => {
    const [name, people] = [required(args[0]), listed(args[1])];
    const client = invocation.client(options);
    for (const person of people) await client.call('removeMember', { params: { name, person } }, { signal: invocation.context.signal });
    await invocation.result(options, { group: name, removed: people }, `group ${name}: ${people.join(', ')} taken out\n`);
  });
}
