/** `/.well-known/myserver/known_hosts`: the true host key of every server as OpenSSH reads it (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). */
import type { InstallationFacts } from '../control/control.ts';
import type { HostKeys } from '../store/servers.ts';

export const knownHostsPath = '/.well-known/myserver/known_hosts';

export async function knownHostsText(
  hostKeys: Pick<HostKeys, 'list' | 'revoked'>,
  { plan, publicHost }: InstallationFacts,
): Promise<string> {
  const [keys, revoked] = [await hostKeys.list(), await hostKeys.revoked()];
  const held = keys.flatMap(({ id, publicKey }) =>
    !plan.has(id)
      ? []
      : plan
          .portsOf(id)
          .filter(({ privatePort, protocol }) => privatePort === 22 && protocol === 'tcp')
          .map(({ publicAddress = publicHost, publicPort }) =>
            line([publicPort === 22 ? publicAddress : `[${publicAddress}]:${publicPort}`], publicKey),
          ),
  );
  // A key that another owner left behind: whoever shows it is not the server.
  return [...held, ...revoked.map(({ publicKey }) => line(['@revoked', '*'], publicKey))].map((text) => `${text}\n`).join('');
}

/** Without the key's comment, which is nobody's business here. */
function line(words: readonly string[], publicKey: string): string {
  return [...words, ...publicKey.split(' ').slice(0, 2)].join(' ');
}
