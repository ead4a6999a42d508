/** Servers as people name them: `123`, `5-9`, `1,2`, and the names they gave them. */
import { fault } from '../core/errors.ts';
import { parseServerId, type ServerId, shorten } from '../core/ids.ts';
import { parseServerReference, type ServerReference } from '../core/login.ts';
import type { ServerName } from '../core/names.ts';
import { parseIds } from './arguments.ts';
import type { CommonOptions, Invocation } from './invocation.ts';

/** Each once, in the order given. Control is asked only where a name is among them. Throws `bad-id`, `bad-name`, `no-such-server`. */
export async function serversNamed(invocation: Invocation, options: CommonOptions, words: readonly string[]): Promise<readonly ServerId[]> {
  const parts = words.flatMap((word) => word.split(',')).filter((part) => part !== '');
  if (parts.every((part) => /^\d/u.test(part))) return parseIds(parts);
  const found = new Set<ServerId>();
  for (const part of parts) {
    if (/^\d/u.test(part)) for (const id of parseIds([part])) found.add(id);
    else found.add(await serverNamed(invocation, options, parseServerReference(part)));
  }
  return [...found];
}

/** Throws `no-such-server`. */
export async function serverNamed(invocation: Invocation, options: CommonOptions, server: ServerReference): Promise<ServerId> {
  return server.kind === 'id' ? server.id : await idOfName(invocation, options, server.name);
}

async function idOfName(invocation: Invocation, options: CommonOptions, wanted: ServerName): Promise<ServerId> {
  const { servers } = await invocation.client(options).call('listServers', { query: {} }, { signal: invocation.context.signal });
  const found = servers.find(({ name }) => name === wanted);
  if (found === undefined)
    throw fault('no-such-server', `there is no server named "${shorten(wanted)}": "myserver list -c id,name" shows those you may see`);
  return parseServerId(found.id);
}
