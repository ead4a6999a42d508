import type { AuditLineView } from '../contract/schemas.ts';
import { parseServerId } from '../core/ids.ts';
import { parseCount } from './arguments.ts';
import type { Column } from './format.ts';
import { addColumnOptions, leaf, perform, type Register } from './grammar.ts';
import type { RowOptions } from './invocation.ts';

const columns: readonly Column<AuditLineView>[] = [
  { name: 'at', cell: (line) => line.at },
  { name: 'person', cell: (line) => line.person ?? 'root' },
  { name: 'via', cell: (line) => line.via },
  { name: 'from', cell: (line) => line.from },
  { name: 'deed', cell: (line) => line.deed },
  { name: 'server', cell: (line) => line.serverId },
  { name: 'allowed', cell: (line) => (line.allowed ? 'yes' : 'no') },
  { name: 'detail', cell: (line) => line.detail },
];

interface AuditOptions extends RowOptions {
  readonly limit?: string;
  readonly person?: string;
  readonly server?: string;
}

export const registerAudit: Register = (program, invocation) => {
  const command = leaf(program, invocation, {
    usage: 'audit',
    summary: 'who did what, newest first',
    examples: ['myserver audit', 'myserver audit --server 123 --limit 200', 'myserver audit --person mm -f csv > mm.csv'],
  });
  addColumnOptions(command, columns)
    .option('--limit <n>', 'how many lines (default: 50)')
    .option('--person <name>', "only this person's deeds")
    .option('--server <id>', 'only deeds on this server');
  perform<AuditOptions>(command, async (_args, { limit = '50', person, server, ...options }) => {
    const query = {
      limit: parseCount(limit, 'a number of lines', 1, 10_000),
      ...(person === undefined ? {} : { person }),
      ...(server === undefined ? {} : { server: parseServerId(server) }),
    };
    const { lines } = await invocation.client(options).call('listAudit', { query }, { signal: invocation.context.signal });
    await invocation.rows(options, columns, lines);
  });
};
