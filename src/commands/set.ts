import { Option } from 'commander';
import type { Output } from '../contract/route.ts';
import type { Routes } from '../contract/routes.ts';
import type { ChangeServer, ServerView } from '../contract/schemas.ts';
import { fault } from '../core/errors.ts';
import { formatSize } from '../core/sizes.ts';
import { parseCount, parseDisk, parseMemory } from './arguments.ts';
import { leaf, listed, perform, type Register } from './grammar.ts';
import type { CommonOptions } from './invocation.ts';
import { serversNamed } from './named-servers.ts';
import { visible } from './plain-text.ts';

interface SetOptions extends CommonOptions {
  readonly notes?: string;
  /** false: `--no-name`. */
  readonly name?: string | false;
  readonly mem?: string;
  readonly cpus?: string;
  readonly disk?: string;
  /** true: `--gateway-key`, false: `--no-gateway-key`. */
  readonly gatewayKey?: boolean;
  readonly record?: 'on' | 'off';
}

export const registerSet: Register = (program, invocation) => {
  const command = leaf(program, invocation, {
    usage: 'set <ids...>',
    summary: 'change notes, name, memory, CPUs or disk of servers',
    examples: [
      'myserver set 123 --mem 1G --cpus 2',
      'myserver set 123 --notes "web course, group 4"',
      'myserver set 123 --no-gateway-key    # the bastion will ask for a password',
      "myserver set 123 --notes ''    # no notes",
      'myserver set 123 --record on    # terminal sessions through the bastion, and people are told',
    ],
    more: 'Memory without a unit is in MiB, disk in GiB. Where the engine can, the change holds at once.',
  })
    .option('--notes <text>', 'notes, shown in the list')
    .option('--name <name>', 'a name beside the ID')
    .option('--no-name', 'take the name away')
    .option('--mem <size>', 'memory: 512 (MiB), 512M, 1G')
    .option('--cpus <n>', 'CPUs')
    .option('--disk <size>', 'disk: 5 (GiB), 5G; it can grow')
    .option('--gateway-key', "put the gateway's own key into the admin's authorized_keys")
    .option('--no-gateway-key', "take the gateway's own key out of the admin's authorized_keys")
    .addOption(new Option('--record <on|off>', 'record terminal sessions through the bastion; for the owner').choices(['on', 'off']));
  perform<SetOptions>(command, async (args, options) => {
    const ids = await serversNamed(invocation, options, listed(args[0]));
    const body = changeOf(options);
    const { gatewayKey } = options;
    const keyCall = gatewayKey === true ? 'addGatewayKey' : 'removeGatewayKey';
    if (Object.keys(body).length === 0 && gatewayKey === undefined)
      throw fault(
        'bad-request',
        'nothing to change was given: add --notes, --name, --mem, --cpus, --disk, --record or --gateway-key (see "myserver set --help")',
      );
    const client = invocation.client(options);
    const changed: Output<Routes['changeServer']>[] = [];
    for (const id of ids) {
      try {
        if (gatewayKey !== undefined) await client.call(keyCall, { params: { id } }, { signal: invocation.context.signal });
        changed.push(await client.call('changeServer', { params: { id }, body }, { signal: invocation.context.signal }));
      } catch (error) {
        invocation.fail(error, options);
      }
    }
    if (changed.length === 0) return;
    const text = changed.map(({ server, needsRestart }) => {
      const restart = needsRestart ? `; it holds after "myserver restart ${server.id}"` : '';
      return `server ${server.id} is changed: ${whatChanged(server, options)}${restart}\n`;
    });
    if (options.format === 'csv') {
      const columns = [
        { name: 'id', cell: (one: (typeof changed)[number]) => one.server.id },
        { name: 'needsRestart', cell: (one: (typeof changed)[number]) => one.needsRestart },
      ];
      await invocation.rows(options, columns, changed);
    } else await invocation.result(options, changed, text.join(''));
  });
};

/** What was asked for, as it is now. */
function whatChanged(server: ServerView, { notes, name, mem, cpus, disk, record, gatewayKey }: SetOptions): string {
  return [
    ...(name === undefined ? [] : [server.name === null ? 'no name' : `name ${server.name}`]),
    ...(notes === undefined ? [] : [server.notes === '' ? 'no notes' : `notes "${visible(server.notes)}"`]),
    ...(mem === undefined ? [] : [`${formatSize(server.memoryBytes)} memory`]),
    ...(cpus === undefined ? [] : [`${server.cpus} ${server.cpus === 1 ? 'CPU' : 'CPUs'}`]),
    ...(disk === undefined ? [] : [`${formatSize(server.diskBytes)} disk`]),
    ...(record === undefined ? [] : [record === 'on' ? 'terminal sessions through the bastion are recorded' : 'nothing is recorded']),
    ...(gatewayKey === undefined ? [] : [gatewayKey ? "the gateway's key is in" : "the gateway's key is out"]),
  ].join(', ');
}

function changeOf({ notes, name, mem, cpus, disk, record }: SetOptions): ChangeServer {
  return {
    ...(notes === undefined ? {} : { notes }),
    ...(typeof name === 'string' ? { name } : {}),
    ...(name === false ? { name: null } : {}),
    ...(mem === undefined ? {} : { memoryBytes: parseMemory(mem) }),
    ...(cpus === undefined ? {} : { cpus: parseCount(cpus, 'a number of CPUs', 1, 512) }),
    ...(record === undefined ? {} : { record: record === 'on' }),
    ...(disk === undefined ? {} : { diskBytes: parseDisk(disk) }),
  };
}
