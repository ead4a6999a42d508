import type { Command } from 'commander';
import type { GrantView } from '../contract/schemas.ts';
import { parseRight } from '../core/access.ts';
import { fault } from '../core/errors.ts';
import { parseServerId } from '../core/ids.ts';
import { parseServerReference } from '../core/login.ts';
import { parseUntil } from './arguments.ts';
import type { Column } from './format.ts';
import { addColumnOptions, branch, leaf, optional, perform, type Register, required } from './grammar.ts';
import type { CommonOptions, Invocation, RowOptions } from './invocation.ts';
import { serverNamed } from './named-servers.ts';
import { registerLinks } from './share-link.ts';

const columns: readonly Column<GrantView>[] = [
  { name: 'target', cell: (grant) => targetText(grant.target) },
  { name: 'who', cell: (grant) => subjectText(grant.subject) },
  { name: 'right', cell: (grant) => grant.right },
  { name: 'by', cell: (grant) => grant.grantedBy },
  { name: 'expires', cell: (grant) => grant.expiresAt },
  { name: 'id', cell: (grant) => grant.id },
];

const words =
  'TARGET is the ID or name of a server, group:NAME (every server whose owner is in that group) or all.\n' +
  'WHO is the name of a person, or group:NAME. Rights, each containing those before it:\n' +
  '  none     does not learn that it exists (takes away what a group was given)\n' +
  '  list     sees it in lists\n' +
  '  read     sees its details, ways in and private pages\n' +
  '  write    enters it and changes its notes\n' +
  '  control  starts, stops, changes it, makes new passwords\n' +
  '  all      drops and shares it: what the owner may';

export const registerShare: Register = (program, invocation) => {
  const share = branch(program, invocation, 'share', 'who else may see, enter or manage a server').alias('grant');
  registerAdd(share, invocation);
  registerShareList(share, invocation);
  registerRemove(share, invocation);
  registerLinks(share, invocation);
};

function registerAdd(share: Command, invocation: Invocation): void {
  const command = leaf(share, invocation, {
    usage: 'add <target> <who> <right>',
    summary: 'give a person or group a right',
    examples: [
      'myserver share add 123 mm write',
      'myserver share add 123 group:web2026 read --expires 7d',
      'myserver share add group:web2026 q control',
    ],
    more: words,
  }).option('--expires <time>', 'until when: 7d, 12h, 2026-12-24 (default: for good)');
  perform<CommonOptions & { readonly expires?: string }>(command, async (args, options) => {
    const body = {
      target: await targetNamed(invocation, options, required(args[0])),
      subject: parseSubject(required(args[1])),
      right: parseRight(required(args[2])),
      ...(options.expires === undefined ? {} : { expiresAt: parseUntil(options.expires, invocation.context.clock.now()) }),
    };
    const { grant } = await invocation.client(options).call('addGrant', { body }, { signal: invocation.context.signal });
    const until = grant.expiresAt === null ? '' : ` until ${grant.expiresAt}`;
    await invocation.result(
      options,
      grant,
      `${subjectText(grant.subject)} has the right ${grant.right} on ${targetText(grant.target)}${until}\n`,
    );
  });
}

function registerShareList(share: Command, invocation: Invocation): void {
  const command = leaf(share, invocation, {
    usage: 'list [id]',
    aliases: ['ls'],
    summary: 'grants that you gave, received or may change',
    examples: ['myserver share list', 'myserver share list 123'],
  });
  addColumnOptions(command, columns);
  perform<RowOptions>(command, async ([id], options) => {
    const text = optional(id);
    const query = text === undefined ? {} : { server: parseServerId(text) };
    const { grants } = await invocation.client(options).call('listGrants', { query }, { signal: invocation.context.signal });
    await invocation.rows(options, columns, grants);
  });
}

function registerRemove(share: Command, invocation: Invocation): void {
  const command = leaf(share, invocation, {
    usage: 'remove <target> [who]',
    aliases: ['rm'],
    summary: 'take a right back: by target and person or group, or by the ID of the grant',
    examples: ['myserver share remove 123 mm', 'myserver share remove 0190a2c4-7c0e-7e1a-9d7b-0242ac120002'],
  });
  perform<CommonOptions>(command, async (args, options) => {
    const client = invocation.client(options);
    const { signal } = invocation.context;
    const who = optional(args[1]);
    const given = required(args[0]);
    let id = given;
    if (who !== undefined) {
      const wanted = { target: targetText(await targetNamed(invocation, options, id)), subject: subjectText(parseSubject(who)) };
      const { grants } = await client.call('listGrants', { query: {} }, { signal });
      const grant = grants.find((one) => targetText(one.target) === wanted.target && subjectText(one.subject) === wanted.subject);
      if (grant === undefined)
        throw fault(
          'not-found',
          `${wanted.subject} has no grant of its own on ${wanted.target}: "myserver share list" shows those there are`,
        );
      ({ id } = grant);
    }
    await client.call('removeGrant', { params: { id } }, { signal });
    await invocation.result(
      options,
      { removed: id },
      who === undefined ? 'the grant is taken back\n' : `the right of ${who} on ${given} is taken back\n`,
    );
  });
}

async function targetNamed(invocation: Invocation, options: CommonOptions, text: string): Promise<GrantView['target']> {
  if (text === 'all') return { kind: 'all' };
  if (text.startsWith('group:')) return { kind: 'group', name: text.slice(6) };
  return { kind: 'server', id: await serverNamed(invocation, options, parseServerReference(text)) };
}

function parseSubject(text: string): GrantView['subject'] {
  return text.startsWith('group:') ? { kind: 'group', name: text.slice(6) } : { kind: 'person', name: text };
}

function targetText(target: GrantView['target']): string {
  if (target.kind === 'all') return 'all';
  return target.kind === 'group' ? `group:${target.name}` : `server ${target.id}`;
}

function subjectText(subject: GrantView['subject']): string {
  return subject.kind === 'group' ? `group:${subject.name}` : subject.name;
}
