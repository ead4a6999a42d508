/** The end of `create`: progress, then the ways in and the one-time passwords. */
import type { Client } from '../client/client.ts';
import type { CreatedServers, ServerDetail, ServerView } from '../contract/schemas.ts';
import type { DeedOptions } from './deed.ts';
import { follow, type Outcome, tellFailures } from './follow.ts';
import { type Column, tableText } from './format.ts';
import type { Invocation } from './invocation.ts';
import { visible } from './plain-text.ts';
import { publicPort } from './server-columns.ts';

type Password = CreatedServers['passwords'][number];

interface Made {
  readonly server: ServerView;
  readonly detail: ServerDetail | undefined;
  readonly password: Password | undefined;
}

/** From this many on, a table says more than a page for each. */
const fewServers = 3;

export async function tellCreated(invocation: Invocation, options: DeedOptions, client: Client, created: CreatedServers): Promise<void> {
  const isWaiting = options.wait !== false;
  const outcomes: readonly Outcome[] = isWaiting ? await follow(invocation, client, created.operations) : [];
  const failed = new Set(outcomes.flatMap((outcome) => (outcome.kind === 'failed' ? [outcome.operation.serverId] : [])));
  const made: Made[] = [];
  for (const server of created.servers) {
    if (failed.has(server.id)) continue;
    const detail = isWaiting ? await detailOf(invocation, client, server) : undefined;
    made.push({ server: detail?.server ?? server, detail, password: created.passwords.find((password) => password.id === server.id) });
  }
  // Whatever went wrong meanwhile, the passwords are printed: nobody has them but us.
  if (made.length > 0) await print(invocation, options, made, outcomes, created);
  if (!isWaiting && options.format === 'table')
    for (const operation of created.operations)
      invocation.remark(`${visible(operation.subject)} is being created; look with "myserver operation show ${operation.id}"\n`);
  tellFailures(invocation, options, outcomes);
}

async function detailOf(invocation: Invocation, client: Client, server: ServerView): Promise<ServerDetail | undefined> {
  try {
    return await client.call('getServer', { params: { id: server.id } }, { signal: invocation.context.signal });
  } catch {
    // The server stands; only its details cannot be told now, and the failure that matters is told by whoever follows.
    return undefined;
  }
}

async function print(
  invocation: Invocation,
  options: DeedOptions,
  made: readonly Made[],
  outcomes: readonly Outcome[],
  created: CreatedServers,
): Promise<void> {
  if (options.format === 'csv') {
    await invocation.rows(options, csvColumns, made);
  } else if (options.format === 'table' && made.length > fewServers) {
    invocation.say(tableText(csvColumns, made, { header: true, colour: false, columns: undefined }));
    invocation.remark('Each password is shown this once and must be changed at the first login.\n');
  } else {
    const operations = created.operations.map((begun, at) => outcomes[at]?.operation ?? begun);
    const value = {
      servers: made.map(({ server }) => server),
      passwords: made.flatMap(({ password }) => (password === undefined ? [] : [password])),
      waysIn: Object.fromEntries(made.map(({ server, detail }) => [server.id, detail?.waysIn.map((way) => way.text) ?? []])),
      operations,
    };
    await invocation.result(options, value, made.map((one) => pageOf(one)).join('\n'));
  }
}

const csvColumns: readonly Column<Made>[] = [
  { name: 'id', cell: ({ server }) => server.id },
  { name: 'owner', cell: ({ server }) => server.owner },
  { name: 'user', cell: ({ server, password }) => password?.user ?? server.admin },
  { name: 'password', cell: ({ password }) => password?.password ?? null },
  { name: 'ssh', cell: ({ server }) => publicPort(server, 'ssh') },
  { name: 'www', cell: ({ server }) => publicPort(server, 'www') },
  { name: 'usr', cell: ({ server }) => publicPort(server, 'usr') },
  { name: 'status', cell: ({ server }) => server.status },
];

function pageOf({ server, detail, password }: Made): string {
  const lines = [`server ${server.id} is ${server.status}`];
  if (detail !== undefined && detail.waysIn.length > 0) {
    lines.push('', ...detail.waysIn.map((way) => `  ${way.kind.padEnd(10)}${visible(way.text)}`));
    lines.push(`  ${'from here'.padEnd(10)}myserver ssh ${server.id}`);
  }
  if (password === undefined) lines.push('', `  no password to show; "myserver password ${server.id}" makes a new one`);
  else {
    lines.push('', `  user      ${visible(password.user)}`, `  password  ${visible(password.password)}`);
    lines.push('', '  The password is shown this once and must be changed at the first login.');
  }
  return `${lines.join('\n')}\n`;
}
