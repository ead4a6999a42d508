/** The columns of a server: the classic table first, in the order that people and scripts know. */
import type { ServerView } from '../contract/schemas.ts';
import { formatSize } from '../core/sizes.ts';
import type { Colour, Column } from './format.ts';

const statusColours: Readonly<Record<ServerView['status'], Colour | undefined>> = {
  running: 'green',
  failed: 'red',
  stopped: 'grey',
  paused: 'grey',
  creating: 'yellow',
  starting: 'yellow',
  stopping: 'yellow',
  dropping: 'yellow',
  unknown: 'yellow',
};

export const classicColumns: readonly Column<ServerView>[] = [
  { name: 'id', cell: (server) => server.id },
  { name: 'owner', cell: (server) => server.owner },
  { name: 'admin', cell: (server) => server.admin },
  { name: 'system', cell: (server) => server.system },
  { name: 'type', cell: (server) => server.type },
  { name: 'disk', cell: (server) => formatSize(server.diskBytes) },
  // MiB without a unit, as the classic manager printed it.
  { name: 'mem', cell: (server) => Math.round(server.memoryBytes / 2 ** 20) },
  { name: 'cpus', cell: (server) => server.cpus },
  { name: 'ssh', cell: (server) => publicPort(server, 'ssh') },
  { name: 'www', cell: (server) => publicPort(server, 'www') },
  { name: 'usr', cell: (server) => publicPort(server, 'usr') },
  { name: 'status', cell: (server) => server.status, colour: (server) => statusColours[server.status] },
  { name: 'notes', cell: (server) => server.notes },
];

const moreColumns: readonly Column<ServerView>[] = [
  { name: 'name', cell: (server) => server.name },
  { name: 'address', cell: (server) => server.address },
  { name: 'right', cell: (server) => server.right },
  { name: 'created', cell: (server) => server.createdAt },
  { name: 'generation', cell: (server) => server.generation },
  { name: 'problem', cell: (server) => server.problem },
];

export const serverColumns: readonly Column<ServerView>[] = [...classicColumns, ...moreColumns];

/** Columns for port blocks of a plan that is not the classic one. */
export function blockColumns(servers: readonly ServerView[]): readonly Column<ServerView>[] {
  const known = new Set(serverColumns.map((column) => column.name));
  const blocks = new Set(servers.flatMap((server) => server.ports.map((port) => port.block)));
  return [...blocks].filter((block) => !known.has(block)).map((block) => ({ name: block, cell: (server) => publicPort(server, block) }));
}

export function publicPort(server: ServerView, block: string): number | null {
  return server.ports.find((port) => port.block === block)?.publicPort ?? null;
}

/** Where SSH is: in the block of that name, else wherever port 22 leads. */
export function sshPort({ ports }: ServerView): ServerView['ports'][number] | undefined {
  const leading = ports.filter(({ privatePort, protocol }) => privatePort === 22 && protocol === 'tcp');
  return leading.find(({ block }) => block === 'ssh') ?? leading[0];
}
