/** Host keys as lines for OpenSSH (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). */
import type { HostKeyView } from '../../contract/schemas.ts';

export interface PublishedKeys {
  readonly hostKeys: readonly HostKeyView[];
  readonly revoked: readonly string[];
}

/** Under the name that was asked for; without one under every name that there is. */
export function knownHostsText({ hostKeys, revoked }: PublishedKeys, host: string | undefined): string {
  const lines = hostKeys.map(({ hosts, alias, publicKey }) => `${host ?? [...hosts, alias].join(',')} ${publicKey}\n`);
  return [...lines, ...revoked.map((key) => `@revoked * ${key}\n`)].join('');
}
