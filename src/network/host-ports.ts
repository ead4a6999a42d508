/** What the kernel says of ports and routes, for the check of the plan and for leases: read from /proc and `ip`, never guessed by trying to bind. */
import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { ipv4Text } from '../core/ipv4.ts';
import type { Listener, PlanFacts } from '../core/plan-check.ts';
import type { Protocol } from '../core/plan-config.ts';
import { parsePortRanges } from '../core/port-ranges.ts';

const runFile = promisify(execFile);

/** `proc`: another root of the same shape, for a host that is a namespace. */
export interface HostPortsOptions {
  readonly proc?: string;
  /** Words before `ip`, see `NftFirewallOptions.enter`. */
  readonly enter?: readonly string[];
}

/** Everything `checkPlan` wants to know of the host itself. */
export async function readHostPorts({ proc = '/proc', enter = [] }: HostPortsOptions = {}): Promise<
  Omit<PlanFacts, 'ownListeners' | 'ownBridge'>
> {
  const [listeners, range, reserved, routes] = await Promise.all([
    readListeners({ proc }),
    readFile(`${proc}/sys/net/ipv4/ip_local_port_range`, 'utf8'),
    readFile(`${proc}/sys/net/ipv4/ip_local_reserved_ports`, 'utf8'),
    readRoutes(enter),
  ]);
  const [from = 32_768, to = 60_999] = range.trim().split(/\s+/u).map(Number);
  return { listeners, ephemeralRange: [from, to], reservedRanges: parsePortRanges(reserved), routes };
}

interface SocketLine extends Listener {
  readonly inode: string;
}

/** Sockets that wait for others. With `holders: false` the programs' names are left out: finding them reads every process. */
export async function readListeners({
  proc = '/proc',
  holders = true,
}: { readonly proc?: string; readonly holders?: boolean } = {}): Promise<readonly Listener[]> {
  const tables = [
    ['tcp', 'tcp'],
    ['tcp6', 'tcp'],
    ['udp', 'udp'],
    ['udp6', 'udp'],
  ] as const;
  const texts = await Promise.all(tables.map(([name]) => readFile(`${proc}/net/${name}`, 'utf8').catch(() => '')));
  const sockets = tables.flatMap(([, protocol], index) => parseSocketTable(texts[index] ?? '', protocol));
  const names = holders ? await holdersOf(proc, new Set(sockets.map(({ inode }) => inode))) : new Map<string, string>();
  return sockets.map(({ protocol, address, port, inode }) => ({ protocol, address, port, holder: names.get(inode) }));
}

/** The listening lines of /proc/net/{tcp,tcp6,udp,udp6} (proc_net_tcp.txt in the kernel's documentation). */
export function parseSocketTable(text: string, protocol: Protocol): readonly SocketLine[] {
  // TCP_LISTEN; and for UDP a socket that is connected to nobody.
  const waiting = protocol === 'tcp' ? '0A' : '07';
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const fields = line.trim().split(/\s+/u);
      const [address, port] = fields[1]?.split(':') ?? [];
      if (address === undefined || port === undefined || fields[3] !== waiting) return [];
      return [{ protocol, address: addressText(address), port: Number.parseInt(port, 16), inode: fields[9] ?? '' }];
    });
}

/** Words of 32 bits in hexadecimal, each in the machine's own order: little-endian on every machine we run on. */
function addressText(hex: string): string {
  const words = hex.match(/.{8}/gu) ?? [];
  const numbers = words.map((word) => Number.parseInt(word.match(/../gu)?.toReversed().join('') ?? '', 16));
  const [first = 0, second = 0, third = 0, last = 0] = numbers;
  if (numbers.length === 1) return ipv4Text(first);
  if (first === 0 && second === 0 && third === 0xffff) return `::ffff:${ipv4Text(last)}`;
  if (numbers.every((number) => number === 0)) return '::';
  return numbers.map((number) => `${(number >>> 16).toString(16)}:${(number & 0xffff).toString(16)}`).join(':');
}

/** Socket inode to the name of a process that has it open. Processes that end meanwhile or may not be read are passed over. */
async function holdersOf(proc: string, wanted: ReadonlySet<string>): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  const processes = (await readdir(proc)).filter((name) => /^\d+$/u.test(name));
  for (const pid of processes) {
    if (found.size === wanted.size) break;
    const descriptors = await readdir(`${proc}/${pid}/fd`).catch(() => []);
    const links = await Promise.all(descriptors.map((descriptor) => readlink(`${proc}/${pid}/fd/${descriptor}`).catch(() => '')));
    const inodes = links
      .flatMap((link) => /^socket:\[(\d+)\]$/u.exec(link)?.[1] ?? [])
      .filter((inode) => wanted.has(inode) && !found.has(inode));
    if (inodes.length === 0) continue;
    const name = await programName(proc, pid);
    if (name !== '') for (const inode of inodes) found.set(inode, name);
  }
  return found;
}

/** The name of its file: threads rename themselves (Node's says `MainThread`). Kernel threads and strangers' processes have only the other one. */
async function programName(proc: string, pid: string): Promise<string> {
  const path = await readlink(`${proc}/${pid}/exe`).catch(() => '');
  return path === ''
    ? (await readFile(`${proc}/${pid}/comm`, 'utf8').catch(() => '')).trim()
    : basename(path.replace(/ \(deleted\)$/u, ''));
}

async function readRoutes(enter: readonly string[]): Promise<PlanFacts['routes']> {
  const [file, ...rest] = [...enter, 'ip', '-j', '-4', 'route'];
  const listed: unknown = JSON.parse((await runFile(file, rest)).stdout);
  return Array.isArray(listed) ? listed.flatMap(routeOf) : [];
}

function routeOf(route: unknown): PlanFacts['routes'] {
  if (typeof route !== 'object' || route === null || !('dst' in route) || typeof route.dst !== 'string') return [];
  const device = 'dev' in route && typeof route.dev === 'string' ? route.dev : 'no device';
  const network = route.dst === 'default' ? '0.0.0.0/0' : route.dst;
  return [{ network: network.includes('/') ? network : `${network}/32`, device }];
}
