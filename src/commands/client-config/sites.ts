/**
 * What every client's configuration is made from: the servers that the person may enter, the ways to each, and the keys to expect there. Names that become
 * words of a configuration are parsed here. The attack: a name with a line break in it is another option, such as ProxyCommand.
 */
import type { HostKeyView, PlanView, ServerView } from '../../contract/schemas.ts';
import { fault } from '../../core/errors.ts';
import { parseServerId, type ServerId, shorten } from '../../core/ids.ts';
import { sshPort } from '../server-columns.ts';
import { forwardsOf, type Forward } from './forwards.ts';

export const vias = ['auto', 'direct', 'bastion'] as const;
export type Via = (typeof vias)[number];

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** OpenSSH public keys. */
  readonly keys: readonly string[];
}

export interface Site {
  readonly id: ServerId;
  /** The first is `server-123` with the prefix, the second the ID: a number alone is an address in 0.0.0.0/8, where no host is hidden by it. */
  readonly names: readonly [string, ...string[]];
  /** Under which OpenSSH looks up its key. */
  readonly alias: string;
  /** The first user inside. */
  readonly admin: string;
  readonly keys: readonly string[];
  /** At its own public port; undefined: by the bastion only. */
  readonly direct: Endpoint | undefined;
  readonly forwards: readonly Forward[];
}

export interface Sites {
  readonly publicHost: string;
  readonly prefix: string;
  /** Who signs in; undefined for root, who is no person. */
  readonly person: string | undefined;
  readonly bastion: Endpoint | undefined;
  /** Those to which there is a way, in the order of their IDs. */
  readonly sites: readonly Site[];
  /** To which there is none: no public port for SSH, and no bastion. */
  readonly unreachable: readonly ServerId[];
  /** Those for every server. */
  readonly forwards: readonly Forward[];
}

export interface SitesInput {
  readonly servers: readonly ServerView[];
  readonly plan: PlanView;
  readonly hostKeys: readonly HostKeyView[];
  readonly person: string | undefined;
  readonly prefix: string;
  readonly via: Via;
  readonly forwards: readonly Forward[];
}

/** Throws `cannot-here` where a way is wanted that the installation has not, `bad-request` for a prefix that is none. */
export function makeSites(input: SitesInput): Sites {
  const { plan, person, prefix, via, forwards } = input;
  if (!/^(?:[a-z\d][\w.-]{0,30})?$/iu.test(prefix))
    throw fault('bad-request', `"${shorten(prefix)}" cannot begin names: write up to 31 letters, digits, ".", "_" and "-", such as lab-`);
  const { bastion } = plan;
  if (via === 'bastion' && bastion === null)
    throw fault('cannot-here', 'this myserver has no bastion now: leave --via out, or say --via direct');
  const sites = input.servers.toSorted((one, other) => one.id - other.id).map((server) => siteOf(server, input));
  const isReachable = ({ direct }: Site) => direct !== undefined || (bastion !== null && via !== 'direct');
  return {
    publicHost: word(plan.publicHost),
    prefix,
    person: person === undefined ? undefined : word(person),
    bastion:
      bastion === null || via === 'direct'
        ? undefined
        : // The name that leads to the lobby of whoever the key belongs to.
          { host: word(bastion.host), port: bastion.port, user: word(person ?? 'myserver'), keys: bastion.hostKeys.map(keyOf) },
    sites: sites.filter(isReachable),
    unreachable: sites.filter((site) => !isReachable(site)).map(({ id }) => id),
    forwards: forwardsOf(forwards, undefined),
  };
}

function siteOf(server: ServerView, { plan, hostKeys, person, prefix, via, forwards }: SitesInput): Site {
  const id = parseServerId(server.id);
  const keys = hostKeys.filter((key) => key.serverId === id).map((key) => keyOf(key.publicKey));
  const port = via === 'bastion' ? undefined : sshPort(server);
  const user = word(server.admin);
  return {
    id,
    names: [`${prefix}server-${id}`, `${prefix}${id}`, ...ownName(server, person, prefix)],
    alias: `server-${id}`,
    admin: user,
    keys,
    direct: port === undefined ? undefined : { host: word(port.publicAddress ?? plan.publicHost), port: port.publicPort, user, keys },
    forwards: forwardsOf(forwards, id),
  };
}

/**
 * For clients that know nothing of jumps: the server's own port, or else a session that the bastion leads on by its user name, and for which only the
 * bastion's key counts. Undefined: there is no way.
 */
export function endpointOf({ direct, id }: Site, { bastion, person }: Sites): Endpoint | undefined {
  if (direct !== undefined || bastion === undefined) return direct;
  return { ...bastion, user: person === undefined ? String(id) : `${person}+${id}` };
}

/**
 * A server's name alone only where it is the person's own, or behind a prefix. The attack: somebody calls a server like a host of the house, shares it, and
 * waits for `ssh` to that host.
 */
function ownName({ name, owner }: ServerView, person: string | undefined, prefix: string): readonly string[] {
  return name !== null && (prefix !== '' || owner === person) ? [`${prefix}${word(name)}`] : [];
}

function word(text: string): string {
  if (/^[\w][\w.:$-]*$/u.test(text)) return text;
  throw fault('cannot-here', `"${shorten(text)}" cannot stand in a configuration file: it should be a plain name or address`);
}

function keyOf(text: string): string {
  const [key] = /^[a-z\d@.-]+ [A-Za-z\d+/=]+(?= |$)/u.exec(text) ?? [];
  if (key === undefined) throw fault('cannot-here', `"${shorten(text)}" is not a host key as OpenSSH writes it`);
  return key;
}
