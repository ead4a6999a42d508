/** What a person sees who comes in: who they are here, their servers, and where help is. */
import { failureOf, failureText } from '../../commands/failure.ts';
import { type Column, tableText } from '../../commands/format.ts';
import type { Terminal } from '../../commands/context.ts';
import { classicColumns } from '../../commands/server-columns.ts';
import type { ServerView } from '../../contract/schemas.ts';
import type { Seat } from './seat.ts';

/** More would push the first line out of a small window. */
const mostRows = 8;
const shown = new Set(['id', 'system', 'type', 'ssh', 'www', 'usr', 'status', 'notes']);
const columns: readonly Column<ServerView>[] = classicColumns.filter(({ name }) => shown.has(name));

/** Never throws: without control there is still help, and the reason. */
export async function greet({ person, client, signal }: Seat, terminal: Terminal): Promise<void> {
  terminal.write(`Welcome to myserver, ${person}.\n`);
  try {
    const { servers } = await client.call('listServers', { query: { owner: person } }, { signal });
    const sorted = servers.toSorted((a, b) => a.id - b.id);
    if (sorted.length > 0) {
      terminal.write(tableText(columns, sorted.slice(0, mostRows), { header: true, colour: terminal.colour, columns: terminal.columns }));
      if (sorted.length > mostRows) terminal.write(`and ${sorted.length - mostRows} more: "list" shows all\n`);
    }
    const first = sorted.find(({ status }) => status === 'running') ?? sorted[0];
    const next =
      first === undefined
        ? 'You have no server yet: "create" makes one, with root, in seconds.'
        : `"ssh ${first.id}" logs you in to server ${first.id}.`;
    terminal.write(`${next} "help" shows what else there is, "exit" leaves.\n`);
  } catch (error) {
    terminal.writeError(failureText(failureOf(error, 'help', signal), false));
    terminal.write('"help" shows what there is, "exit" leaves.\n');
  }
}
