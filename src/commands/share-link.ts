import type { Command } from 'commander';
import type { WebLinkView } from '../contract/routes/web.ts';
import { parseServerReference } from '../core/login.ts';
import { parseUntil } from './arguments.ts';
import type { Column } from './format.ts';
import { addColumnOptions, leaf, optional, perform, required } from './grammar.ts';
import type { CommonOptions, Invocation, RowOptions } from './invocation.ts';
import { serverNamed } from './named-servers.ts';

const columns: readonly Column<WebLinkView>[] = [
  { name: 'server', cell: ({ serverId }) => serverId },
  { name: 'port', cell: ({ door }) => door },
  { name: 'by', cell: ({ createdBy }) => createdBy },
  { name: 'expires', cell: ({ expiresAt }) => expiresAt },
  { name: 'id', cell: ({ id }) => id },
];

export function registerLinks(share: Command, invocation: Invocation): void {
  const link = leaf(share, invocation, {
    usage: 'link <server> <port>',
    summary: 'an address that lets whoever has it visit one port for a time',
    examples: ['myserver share link 123 usr', 'myserver share link 123 www --for 7d'],
    more:
      'For ports that are not public (myserver set 123 --port usr=shared). The address is shown once; who has it\n' + 'needs no name here.',
  }).option('--for <time>', 'until when: 8h, 7d, 2026-12-24', '1d');
  perform<CommonOptions & { readonly for: string }>(link, async (args, options) => {
    const id = await serverNamed(invocation, options, parseServerReference(required(args[0])));
    const body = { door: required(args[1]), expiresAt: parseUntil(options.for, invocation.context.clock.now()) };
    const made = await invocation.client(options).call('addWebLink', { params: { id }, body }, { signal: invocation.context.signal });
    await invocation.result(
      options,
      made,
      `${made.url}\ngood until ${made.link.expiresAt}; "myserver share unlink ${made.link.id}" takes it back\n`,
    );
  });

  const links = leaf(share, invocation, {
    usage: 'links [server]',
    summary: 'such addresses that are still good',
    examples: ['myserver share links', 'myserver share links 123'],
  });
  addColumnOptions(links, columns);
  perform<RowOptions>(links, async (args, options) => {
    const text = optional(args[0]);
    const id = text === undefined ? undefined : await serverNamed(invocation, options, parseServerReference(text));
    const { links: all } = await invocation.client(options).call('listWebLinks', {}, { signal: invocation.context.signal });
    await invocation.rows(
      options,
      columns,
      all.filter(({ serverId }) => id === undefined || serverId === id),
    );
  });

  const unlink = leaf(share, invocation, {
    usage: 'unlink <id>',
    summary: 'take such an address back: whoever came by it is sent out',
    examples: ['myserver share unlink 0190a2c4-7c0e-7e1a-9d7b-0242ac120002'],
  });
  perform<CommonOptions>(unlink, async (args, options) => {
    const id = required(args[0]);
    await invocation.client(options).call('removeWebLink', { params: { id } }, { signal: invocation.context.signal });
    await invocation.result(options, { removed: id }, 'the link is taken back\n');
  });
}
