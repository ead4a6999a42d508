import { Resolver } from 'node:dns/promises';
import { fault } from '../core/errors.ts';

const timeoutMs = 5000;

/** What the TXT records of a name say, each as one text (RFC 1035, section 3.3.14). Throws `cannot-here` when the DNS does not answer. `servers`: none is the host's own. */
export async function lookupTxt(name: string, servers: readonly string[]): Promise<readonly string[]> {
  const resolver = new Resolver({ timeout: timeoutMs, tries: 2 });
  if (servers.length > 0) resolver.setServers([...servers]);
  try {
    return (await resolver.resolveTxt(name)).map((pieces) => pieces.join(''));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code === 'ENOTFOUND' || code === 'ENODATA') return [];
    throw fault('cannot-here', `the DNS does not answer for ${name} (${code}): try again in a minute`, { cause: error });
  }
}
