import { addColumnOptions, leaf, perform, type Register } from './grammar.ts';
import type { RowOptions } from './invocation.ts';
import { blockColumns, classicColumns, serverColumns } from './server-columns.ts';

interface ListOptions extends RowOptions {
  readonly owner?: string;
}

export const registerList: Register = (program, invocation) => {
  const command = leaf(program, invocation, {
    usage: 'list',
    aliases: ['ls', 'ps'],
    summary: 'the servers that you may see',
    examples: [
      'myserver list',
      'myserver list --owner jbond007',
      'myserver list -c id,ssh,status --no-header    # for scripts',
      'myserver list -f csv > servers.csv            # for a spreadsheet',
    ],
    more: 'DISK is a size such as 5G; MEM is in MiB; SSH, WWW and USR are the public ports. In CSV, text that a\nspreadsheet would run as a formula (it begins with = + - @) has an apostrophe before it.',
  });
  addColumnOptions(command, serverColumns).option('--owner <name>', "only this person's servers");
  perform<ListOptions>(command, async (_args, options) => {
    const input = { query: options.owner === undefined ? {} : { owner: options.owner } };
    const { servers } = await invocation.client(options).call('listServers', input, { signal: invocation.context.signal });
    const sorted = servers.toSorted((a, b) => a.id - b.id);
    await invocation.rows(options, [...serverColumns, ...blockColumns(servers)], sorted, classicColumns.length);
    if (sorted.length === 0 && options.format === 'table' && invocation.context.terminal.columns !== undefined)
      invocation.remark('There is no server to show. Make one with "myserver create".\n');
  });
};
