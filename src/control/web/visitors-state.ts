/** What the state of the web says about people: for ports that are not public, and nothing where there are none. */
import { createHash } from 'node:crypto';
import type { WebRoute, WebState } from '../../core/web-route.ts';
import type { Store } from '../../store/store.ts';
import type { ServerRecord } from '../../store/servers.ts';
import { linkStamp, linkSubject } from './link-stamps.ts';
import { readersOf } from './readers.ts';

export async function visitorsState(
  store: Store,
  servers: readonly ServerRecord[],
  routes: readonly WebRoute[],
  nowMs: number,
): Promise<Pick<WebState, 'stamps' | 'readers'>> {
  const shared = new Set(routes.filter(({ policy }) => policy === 'shared').map(({ generation }) => generation));
  if (shared.size === 0 && !routes.some(({ policy }) => policy === 'signed-in')) return { stamps: [], readers: [] };
  const [people, hashes] = [await store.people.list(), await store.people.passwordHashes()];
  const stamps: { subject: string; stamp: string }[] = people
    .filter(({ disabled }) => !disabled)
    .map(({ name, createdMs }) => ({ subject: name, stamp: stampOf(name, createdMs, hashes.get(name)?.reveal() ?? '') }));
  const readers = await readersOf(
    store,
    servers.filter(({ generation }) => shared.has(generation)),
    nowMs,
  );
  const links = (await store.webLinks.list()).filter(({ expiresMs }) => expiresMs > nowMs);
  stamps.push(...links.map((link) => ({ subject: linkSubject(link), stamp: linkStamp(link) })));
  return { stamps, readers: [...readers].map(([generation, subjects]) => ({ generation, subjects })) };
}

/** Another for a later person of that name, and after a new password. */
function stampOf(name: string, createdMs: number, hash: string): string {
  return createHash('sha256').update(`${name}\n${createdMs}\n${hash}`).digest('base64url').slice(0, 22);
}
