/**
 * The servers for OpenSSH (ssh_config(5)), as a file for `Include`. The first value that is found counts there, so blocks go from the narrow to the wide, and
 * the end takes back the last block's condition. Keys come from a command alone: neither an old line in known_hosts nor a new one is ever in the way.
 */
import { fault } from '../../core/errors.ts';
import type { Forward } from './forwards.ts';
import type { Site, Sites } from './sites.ts';

/** How OpenSSH learns a host's key. */
export type KeySource =
  /** Words of a program that prints the keys of the host given to it as the last word. */
  | { readonly kind: 'command'; readonly argv: readonly string[] }
  /** In the file itself, for a machine without myserver: true until the server has another owner. */
  | { readonly kind: 'inline' };

const gatewayAlias = 'myserver-gateway';
/** Routers forget a silent connection after a few minutes; two minutes without an answer and the server has gone. */
const keepAlive = ['ServerAliveInterval 30', 'ServerAliveCountMax 4'];
const trust = ['StrictHostKeyChecking yes', 'UserKnownHostsFile none', 'GlobalKnownHostsFile none', 'CheckHostIP no', 'UpdateHostKeys no'];

export function openSshText(sites: Sites, source: KeySource): string {
  const { prefix, bastion, publicHost } = sites;
  const gateway = `${prefix}${gatewayAlias}`;
  // Servers made later are known to the bastion by their names, and to the command by them too.
  const hasLater = bastion !== undefined && source.kind === 'command';
  const patterns = patternsFor(sites, hasLater, gateway);
  const blocks = [
    ...(bastion === undefined
      ? []
      : [
          block(
            [gateway],
            [
              `HostName ${bastion.host}`,
              `Port ${bastion.port}`,
              `User ${bastion.user}`,
              `HostKeyAlias ${gatewayAlias}`,
              ...inline(source, gatewayAlias, bastion.keys),
            ],
          ),
        ]),
    ...sites.sites.map((site) =>
      block(site.names, [...wayLines(site, gateway, hasLater), ...inline(source, site.alias, site.keys), ...forwardLines(site.forwards)]),
    ),
    block(patterns, [
      ...forwardLines(sites.forwards),
      ...(hasLater ? [`ProxyJump ${gateway}`, ...(sites.person === undefined ? [] : [`User ${sites.person}`])] : []),
    ]),
    block(patterns.length === 0 || bastion === undefined ? patterns : [gateway, ...patterns.filter((one) => one !== `!${gateway}`)], [
      ...keepAlive,
      ...trust,
      ...(source.kind === 'command' ? [`KnownHostsCommand ${commandLine(source.argv)} %H`] : []),
    ]),
  ];
  return `# The servers of ${publicHost}, for OpenSSH 8.5 and newer\n${blocks.join('')}\nMatch all\n`;
}

/** Nothing for a block without hosts or without options. */
function block(hosts: readonly string[], options: readonly string[]): string {
  if (hosts.length === 0 || options.length === 0) return '';
  return `\nHost ${hosts.join(' ')}\n${options.map((option) => `  ${option}\n`).join('')}`;
}

/** With a prefix everything that begins with it; without one only names that are ours, for `server-room` may be another host. */
function patternsFor({ prefix, sites }: Sites, hasLater: boolean, gateway: string): readonly string[] {
  if (prefix !== '') return [`${prefix}*`, `!${gateway}`];
  const names = sites.flatMap((site) => site.names);
  // server-1.example.org is a host of somebody's network.
  return hasLater ? ['server-*', ...names.filter((name) => !name.startsWith('server-')), '!*.*'] : names;
}

function wayLines({ direct, admin, alias }: Site, gateway: string, hasLater: boolean): readonly string[] {
  if (direct === undefined) return [`HostName ${alias}`, 'Port 22', `User ${admin}`, `HostKeyAlias ${alias}`, `ProxyJump ${gateway}`];
  const { host, port, user } = direct;
  return [`HostName ${host}`, `Port ${port}`, `User ${user}`, `HostKeyAlias ${alias}`, ...(hasLater ? ['ProxyJump none'] : [])];
}

function forwardLines(forwards: readonly Forward[]): readonly string[] {
  return forwards.map(({ listen, target }) => (target === undefined ? `DynamicForward ${listen}` : `LocalForward ${listen} ${target}`));
}

/** A command that only prints: no shell reads it, and it is where POSIX systems have it. */
function inline(source: KeySource, alias: string, keys: readonly string[]): readonly string[] {
  if (source.kind !== 'inline' || keys.length === 0) return [];
  return [`KnownHostsCommand ${commandLine(['/usr/bin/printf', String.raw`%s\n`, ...keys.map((key) => `${alias} ${key}`)])}`];
}

/** Words as ssh splits them (no shell): in double quotes a backslash goes before a quote or backslash; `%` is a token and `${` a variable. */
function commandLine(argv: readonly string[]): string {
  return argv
    .map((text) => {
      if (text.includes('${') || /[\n\r\0]/u.test(text))
        throw fault(
          'cannot-here',
          `ssh cannot run "${text}": a path with "\${" or a line break in it cannot be written in its configuration`,
        );
      const escaped = text.replaceAll('%', '%%');
      return /^[\w%+=:,./@-]+$/u.test(escaped) ? escaped : `"${escaped.replaceAll(/["\\]/gu, String.raw`\$&`)}"`;
    })
    .join(' ');
}
