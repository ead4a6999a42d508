import type { ServerDetail } from '../contract/schemas.ts';
import { formatSize } from '../core/sizes.ts';
import type { Cell } from './csv.ts';
import { leaf, listed, perform, type Register } from './grammar.ts';
import type { CommonOptions } from './invocation.ts';
import { serversNamed } from './named-servers.ts';

export const registerInfo: Register = (program, invocation) => {
  const command = leaf(program, invocation, {
    usage: 'info <ids...>',
    aliases: ['show'],
    summary: 'all about a server, with the ways into it',
    examples: ['myserver info 123', 'myserver info 123 -f json'],
  });
  perform<CommonOptions>(command, async (args, options) => {
    const client = invocation.client(options);
    for (const [at, id] of (await serversNamed(invocation, options, listed(args[0]))).entries()) {
      const detail = await client.call('getServer', { params: { id } }, { signal: invocation.context.signal });
      if (at > 0 && options.format === 'table') invocation.say('\n');
      if (at > 0 && options.format === 'yaml') invocation.say('---\n');
      await invocation.thing(options, detail, fieldsOf(detail));
    }
  });
};

function fieldsOf(detail: ServerDetail): readonly (readonly [string, Cell])[] {
  const { server, waysIn, hostKeyFingerprint, gatewayKey, usage } = detail;
  return [
    ['server', server.id],
    ...(server.name === null ? [] : [['name', server.name] as const]),
    ['status', server.status],
    ...(server.problem === null ? [] : [['problem', server.problem] as const]),
    ['owner', server.owner],
    ['admin', server.admin],
    ['system', server.system],
    ['type', server.type],
    ['disk', ofLimit(usage?.diskBytes ?? undefined, server.diskBytes)],
    ['memory', ofLimit(usage?.memoryBytes, server.memoryBytes)],
    ['cpus', server.cpus],
    ['address', server.address],
    ...server.ports.map(
      ({ block, protocol, publicPort, privatePort }) => [`port ${block}`, `${publicPort} -> ${privatePort}/${protocol}`] as const,
    ),
    ...Object.entries(server.policies).flatMap(([name, policy]) =>
      policy === 'public' ? [] : [[`port ${name}`, notPublic[policy]] as const],
    ),
    ...(usage === null ? [] : [['processes', usage.processes] as const]),
    ['host key', hostKeyFingerprint ?? 'not known'],
    ['gateway key', gatewayKey ? "installed in the admin's authorized_keys" : 'not installed'],
    ['recording', recordingOf(detail)],
    ['created', server.createdAt],
    ...(server.notes === '' ? [] : [['notes', server.notes] as const]),
    ['your right', server.right],
    ...waysIn.map((way) => [`way in: ${way.kind}`, way.text] as const),
  ];
}

const notPublic = {
  'signed-in': 'for everybody with a name here: by the web, after signing in',
  shared: 'for who has the right "read" here: by the web, after signing in',
  off: 'for nobody from outside',
} as const;

function recordingOf({ record, recordedBy }: ServerDetail): string {
  if (recordedBy === 'administrator') return 'terminal sessions through the bastion, as the administrator wants of all';
  if (recordedBy === 'owner') return 'terminal sessions through the bastion, as the owner wants';
  return record ? 'none: the owner wants it, and the administrator has switched it off' : 'none';
}

function ofLimit(used: number | undefined, limit: number): string {
  return used === undefined ? formatSize(limit) : `${formatSize(limit)} (${formatSize(roundToMiB(used))} used)`;
}

function roundToMiB(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20) * 2 ** 20;
}
