/**
 * The true host key of every server and of the bastion: for the API, and as `/.well-known/myserver/known_hosts` the way OpenSSH reads it (sshd(8),
 * "SSH_KNOWN_HOSTS FILE FORMAT"). Public: a key that only the server can prove is no secret.
 */
import type { HostKeyView } from '../contract/schemas.ts';
import type { InstallationFacts } from '../control/control.ts';
import type { HostKeys } from '../store/servers.ts';
import { withoutComment } from './views.ts';

export const knownHostsPath = '/.well-known/myserver/known_hosts';

export interface PublishedHostKeys {
  hostKeys: HostKeyView[];
  /** Keys that another owner left behind: whoever shows one is not the server. */
  revoked: string[];
}

export async function hostKeysOf(
  stored: Pick<HostKeys, 'list' | 'revoked'>,
  { plan, publicHost, bastion }: Pick<InstallationFacts, 'plan' | 'publicHost' | 'bastion'>,
): Promise<PublishedHostKeys> {
  const [keys, revoked] = [await stored.list(), await stored.revoked()];
  const there = bastion();
  const ofServers = keys
    .filter(({ id }) => plan.has(id))
    .map(({ id, publicKey }) => ({
      serverId: id,
      alias: `server-${id}`,
      hosts: plan
        .portsOf(id)
        .filter(({ privatePort, protocol }) => privatePort === 22 && protocol === 'tcp')
        .map(({ publicAddress = publicHost, publicPort }) => hostText(publicAddress, publicPort)),
      publicKey: withoutComment(publicKey),
    }));
  const ofBastion = (there?.hostKeys ?? []).map((publicKey) => ({
    serverId: null,
    alias: 'myserver-gateway',
    hosts: there === undefined ? [] : [hostText(there.host, there.port)],
    publicKey: withoutComment(publicKey),
  }));
  return { hostKeys: [...ofBastion, ...ofServers], revoked: revoked.map(({ publicKey }) => withoutComment(publicKey)) };
}

/** Only what is known by that name, with all that is revoked; nothing at all where the name is none of ours. */
export function knownBy(published: PublishedHostKeys, host: string | undefined): PublishedHostKeys {
  if (host === undefined) return published;
  const wanted = host.toLowerCase();
  const hostKeys = published.hostKeys.filter(({ alias, hosts }) => [alias, ...hosts].some((name) => name.toLowerCase() === wanted));
  return { hostKeys, revoked: hostKeys.length === 0 ? [] : published.revoked };
}

/** Without the aliases: in a file that is used for everything, `server-7` would be the seventh server of any installation. */
export function knownHostsText({ hostKeys, revoked }: PublishedHostKeys): string {
  const held = hostKeys.flatMap(({ hosts, publicKey }) => hosts.map((host) => `${host} ${publicKey}\n`));
  return [...held, ...revoked.map((publicKey) => `@revoked * ${publicKey}\n`)].join('');
}

function hostText(host: string, port: number): string {
  return port === 22 ? host : `[${host}]:${port}`;
}
