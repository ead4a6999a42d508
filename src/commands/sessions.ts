import { formatSize } from '../core/sizes.ts';
import type { SessionView } from '../contract/schemas.ts';
import type { Column } from './format.ts';
import { addColumnOptions, branch, leaf, listed, perform, type Register } from './grammar.ts';
import type { CommonOptions, RowOptions } from './invocation.ts';

const columns: readonly Column<SessionView>[] = [
  { name: 'id', cell: (session) => session.id },
  { name: 'person', cell: (session) => session.person ?? '-' },
  { name: 'from', cell: (session) => session.from },
  { name: 'kind', cell: (session) => session.kind },
  { name: 'server', cell: (session) => session.serverId },
  { name: 'since', cell: (session) => session.since },
  { name: 'in', cell: (session) => formatSize(session.bytesIn) },
  { name: 'out', cell: (session) => formatSize(session.bytesOut) },
  { name: 'detail', cell: (session) => session.detail },
];

export const registerSessions: Register = (program, invocation) => {
  const sessions = branch(program, invocation, 'sessions', 'live sessions through the gateway').alias('session');
  const list = leaf(sessions, invocation, {
    usage: 'list',
    aliases: ['ls'],
    summary: 'yours, and those on servers that are yours; administrators see all',
    examples: ['myserver sessions', 'myserver sessions list -f json'],
    isDefault: true,
  });
  addColumnOptions(list, columns);
  perform<RowOptions>(list, async (_args, options) => {
    const answer = await invocation.client(options).call('listSessions', {}, { signal: invocation.context.signal });
    await invocation.rows(options, columns, answer.sessions);
  });
  const kill = leaf(sessions, invocation, {
    usage: 'kill <sessions...>',
    aliases: ['end', 'rm'],
    summary: 'end live sessions, at once',
    examples: ['myserver sessions kill 1f0c9a2b'],
  });
  perform<CommonOptions>(kill, async (args, options) => {
    const client = invocation.client(options);
    const ids = listed(args[0]);
    for (const id of ids) await client.call('endSession', { params: { id } }, { signal: invocation.context.signal });
    await invocation.result(options, { ended: ids }, ids.map((id) => `session ${id} was asked to end\n`).join(''));
  });
};
