import { Option } from 'commander';
import type { Output } from '../contract/route.ts';
import type { Routes } from '../contract/routes.ts';
import type { ChangeServer, ServerView } from '../contract/schemas.ts';
import { fault } from '../core/errors.ts';
import { shorten } from '../core/ids.ts';
import { portPolicies, repairModes } from '../core/port-policy.ts';
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
  readonly port?: Readonly<Record<string, string>>;
  readonly repair?: Readonly<Record<string, string>>;
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
      'myserver set 123 --port usr=off    # neither at its public port nor on the web; usr=default takes that back',
      'myserver set 123 --record on    # terminal sessions through the bastion, and people are told',
    ],
    more:
      'Memory without a unit is in MiB, disk in GiB. Where the engine can, the change holds at once.\n' +
      'Who may come to a port: public, everybody; signed-in, everybody with a name here; shared, who has at least\n' +
      'the right "read"; off, nobody. What is not public has no port of its own: whoever may come does so by the\n' +
      'web ("info" tells the address) or through the bastion.',
  })
    .option('--notes <text>', 'notes, shown in the list')
    .option('--name <name>', 'a name beside the ID')
    .option('--no-name', 'take the name away')
    .option('--mem <size>', 'memory: 512 (MiB), 512M, 1G')
    .option('--cpus <n>', 'CPUs')
    .option('--disk <size>', 'disk: 5 (GiB), 5G; it can grow')
    .option('--gateway-key', "put the gateway's own key into the admin's authorized_keys")
    .option('--no-gateway-key', "take the gateway's own key out of the admin's authorized_keys")
    .option('--port <name=policy>', `who may come to a port (www, usr, ...): ${portPolicies.join(', ')} or default; repeatable`, parsePort)
    .option('--repair <name=mode>', `make addresses in pages below /www/ID/ right: ${repairModes.join(', ')}; repeatable`, parsePort)
    .addOption(new Option('--record <on|off>', 'record terminal sessions through the bastion; for the owner').choices(['on', 'off']));
  perform<SetOptions>(command, async (args, options) => {
    const ids = await serversNamed(invocation, options, listed(args[0]));
    const body = changeOf(options);
    const { gatewayKey } = options;
    const keyCall = gatewayKey === true ? 'addGatewayKey' : 'removeGatewayKey';
    if (Object.keys(body).length === 0 && gatewayKey === undefined)
      throw fault(
        'bad-request',
        'nothing to change was given: add --notes, --name, --mem, --cpus, --disk, --port, --repair, --record or --gateway-key (see "myserver set --help")',
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
function whatChanged(server: ServerView, { notes, name, mem, cpus, disk, record, gatewayKey, port = {}, repair = {} }: SetOptions): string {
  return [
    ...(name === undefined ? [] : [server.name === null ? 'no name' : `name ${server.name}`]),
    ...(notes === undefined ? [] : [server.notes === '' ? 'no notes' : `notes "${visible(server.notes)}"`]),
    ...(mem === undefined ? [] : [`${formatSize(server.memoryBytes)} memory`]),
    ...(cpus === undefined ? [] : [`${server.cpus} ${server.cpus === 1 ? 'CPU' : 'CPUs'}`]),
    ...(disk === undefined ? [] : [`${formatSize(server.diskBytes)} disk`]),
    ...Object.keys(port).map((word) => `port ${word} ${server.policies[word] ?? 'public'}`),
    ...Object.keys(repair).map((word) => `pages at ${word} are repaired: ${server.repair[word] ?? 'auto'}`),
    ...(record === undefined ? [] : [record === 'on' ? 'terminal sessions through the bastion are recorded' : 'nothing is recorded']),
    ...(gatewayKey === undefined ? [] : [gatewayKey ? "the gateway's key is in" : "the gateway's key is out"]),
  ].join(', ');
}

/** `usr=off`. The names and policies there are, control knows. */
function parsePort(text: string, before: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const [, name, policy] = /^([^=]{1,16})=([^=]{1,16})$/u.exec(text) ?? [];
  if (name === undefined || policy === undefined)
    throw fault('bad-request', `"${shorten(text)}" does not say what of which port: write usr=off, or www=public`);
  return { ...before, [name]: policy };
}

function changeOf({ notes, name, mem, cpus, disk, record, port, repair }: SetOptions): ChangeServer {
  return {
    ...(notes === undefined ? {} : { notes }),
    ...(typeof name === 'string' ? { name } : {}),
    ...(name === false ? { name: null } : {}),
    ...(mem === undefined ? {} : { memoryBytes: parseMemory(mem) }),
    ...(cpus === undefined ? {} : { cpus: parseCount(cpus, 'a number of CPUs', 1, 512) }),
    ...(port === undefined ? {} : { ports: { ...port } }),
    ...(repair === undefined ? {} : { repair: { ...repair } }),
    ...(record === undefined ? {} : { record: record === 'on' }),
    ...(disk === undefined ? {} : { diskBytes: parseDisk(disk) }),
  };
}
