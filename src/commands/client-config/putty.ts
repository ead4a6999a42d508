/**
 * The servers as PuTTY's saved sessions: a registry file for Windows, and the lines of the files that PuTTY reads elsewhere. Without a port of its own a
 * server is a session that the bastion leads on: any PuTTY can do that, and knows one key.
 */
import { ed25519Point } from './ed25519-point.ts';
import type { Forward } from './forwards.ts';
import { type Endpoint, endpointOf, type Site, type Sites } from './sites.ts';

/** Of one session, as PuTTY names them; numbers are numbers in the registry. */
type Settings = Readonly<Record<string, string | number>>;

export interface PuttySession {
  /** Only letters, digits, `.`, `_` and `-`: nothing that PuTTY would escape in names. */
  readonly name: string;
  readonly settings: Settings;
}

export function puttySessions(sites: Sites): readonly PuttySession[] {
  return sites.sites.flatMap((site) => {
    const endpoint = endpointOf(site, sites);
    return endpoint === undefined ? [] : [{ name: site.names[0], settings: settingsOf(endpoint, [...site.forwards, ...sites.forwards]) }];
  });
}

/** `ssh-ed25519@2123:host` and `0x…,0x…`, each once. Other kinds of key are left for PuTTY to ask about. */
export function puttyHostKeys(sites: Sites): ReadonlyMap<string, string> {
  return new Map(sites.sites.flatMap((site) => hostKeysOf(site, sites)));
}

export function puttyRegistry(sites: Sites): string {
  const root = String.raw`HKEY_CURRENT_USER\Software\SimonTatham\PuTTY`;
  const sections = puttySessions(sites).map(({ name, settings }) => [
    `[${root}\\Sessions\\${name}]`,
    ...Object.entries(settings).map(([key, value]) => `${quoted(key)}=${registryValue(value)}`),
  ]);
  const keys = [...puttyHostKeys(sites)].map(([name, value]) => `${quoted(name)}=${quoted(value)}`);
  const all = [...sections, ...(keys.length === 0 ? [] : [[String.raw`[${root}\SshHostKeys]`, ...keys]])];
  return `Windows Registry Editor Version 5.00\r\n${all.map((lines) => `\r\n${lines.join('\r\n')}\r\n`).join('')}`;
}

/** A session's file outside Windows: our settings put into what is there, everything else kept. */
export function withSettings(text: string, settings: Settings): string {
  return withLines(text, '=', Object.entries(settings));
}

/** `sshhostkeys` likewise. */
export function withHostKeys(text: string, keys: ReadonlyMap<string, string>): string {
  return withLines(text, ' ', [...keys]);
}

function withLines(text: string, separator: string, pairs: readonly (readonly [string, string | number])[]): string {
  const rest = new Map(pairs);
  const lines = text.split('\n').slice(0, text.endsWith('\n') || text === '' ? -1 : undefined);
  const kept = lines.map((line) => {
    const key = line.split(separator, 1)[0] ?? '';
    const value = rest.get(key);
    rest.delete(key);
    return value === undefined ? line : `${key}${separator}${value}`;
  });
  return [...kept, ...[...rest].map(([key, value]) => `${key}${separator}${value}`)].map((line) => `${line}\n`).join('');
}

function settingsOf({ host, port, user }: Endpoint, forwards: readonly Forward[]): Settings {
  return {
    HostName: host,
    PortNumber: port,
    Protocol: 'ssh',
    UserName: user,
    PingInterval: 0,
    PingIntervalSecs: 30,
    TCPKeepalives: 1,
    PortForwardings: forwards.map(({ listen, target }) => (target === undefined ? `D${listen}=` : `L${listen}=${target}`)).join(','),
  };
}

function hostKeysOf(site: Site, sites: Sites): readonly (readonly [string, string])[] {
  const endpoint = endpointOf(site, sites);
  if (endpoint === undefined) return [];
  return endpoint.keys.flatMap((key) => {
    const point = ed25519Point(key);
    if (point === undefined) return [];
    return [[`ssh-ed25519@${endpoint.port}:${endpoint.host}`, `0x${point.x.toString(16)},0x${point.y.toString(16)}`] as const];
  });
}

function registryValue(value: string | number): string {
  return typeof value === 'number' ? `dword:${value.toString(16).padStart(8, '0')}` : quoted(value);
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/gu, String.raw`\$&`)}"`;
}
