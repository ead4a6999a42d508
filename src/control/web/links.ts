/** Links that let whoever has them visit one port of one server, for a time. */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { allows } from '../../core/access.ts';
import { fault } from '../../core/errors.ts';
import { webDoorsOf } from '../../core/port-policy.ts';
import { shorten } from '../../core/ids.ts';
import { ownOrigin, type WebOrigins } from '../../core/web-origins.ts';
import type { Plan } from '../../core/plan.ts';
import type { Store } from '../../store/store.ts';
import type { WebLink } from '../../store/web.ts';
import type { AccessDesk } from '../access-desk.ts';
import { type Caller, personOf } from '../caller.ts';
import { linkKeyHash } from './link-stamps.ts';
import type { WebRoutes } from './web-routes.ts';

export interface ShownLink {
  readonly link: WebLink;
  readonly serverId: number;
}

export interface LinkVerbs {
  /**
   * For whoever may share the server. The address holds the key and is told once. Throws `cannot-here` where no domain gives the port an origin of its own,
   * `bad-request` for a time that is over or further off than 90 days, or for more than 100 at once.
   */
  add(
    caller: Caller,
    id: number,
    request: { readonly door: string; readonly expiresMs: number },
  ): Promise<ShownLink & { readonly url: string }>;
  /** Those on servers that the caller may share, which have not run out. */
  list(caller: Caller): Promise<readonly ShownLink[]>;
  /** Whoever came by it is sent out. Throws `not-found`. */
  remove(caller: Caller, linkId: string): Promise<void>;
}

export interface WebVerbParts {
  readonly store: Store;
  readonly access: AccessDesk;
  readonly plan: Plan;
  readonly clock: Clock;
  readonly web: WebRoutes;
  readonly origins: () => WebOrigins | undefined;
}

const longestMs = 90 * 86_400_000;
const mostOfOne = 100;

/** Throws `bad-request`. */
export function requireDoor(plan: Plan, door: string): string {
  const doors = webDoorsOf(plan).map(({ name }) => name as string);
  if (!doors.includes(door)) throw fault('bad-request', `"${shorten(door)}" is no page of a server: say ${doors.join(' or ')}`);
  return door;
}

export function makeLinkVerbs({ store, access, plan, clock, web, origins }: WebVerbParts): LinkVerbs {
  async function shown(caller: Caller): Promise<readonly ShownLink[]> {
    const judge = await access.judge(caller);
    const mine = new Map(
      (await store.servers.list()).filter((server) => allows(judge(server), 'share')).map(({ generation, id }) => [generation, id]),
    );
    return (await store.webLinks.list()).flatMap((link) => {
      const serverId = mine.get(link.generation);
      return serverId === undefined || link.expiresMs <= clock.now() ? [] : [{ link, serverId }];
    });
  }

  return {
    async add(caller, id, { door: asked, expiresMs }) {
      const { record } = await access.require(caller, id, 'share');
      const door = requireDoor(plan, asked);
      const at = origins();
      const origin = at === undefined ? undefined : ownOrigin(at, id, door);
      if (origin === undefined)
        throw fault(
          'cannot-here',
          'a link needs an address of its own for the port: an administrator sets "web": { "domain": ... } in the configuration',
        );
      const now = clock.now();
      if (expiresMs <= now || expiresMs > now + longestMs)
        throw fault('bad-request', 'a link ends in the future, in 90 days at most: give a time such as 8h, 7d or 2026-12-24');
      await store.webLinks.prune(now);
      const there = (await store.webLinks.list()).filter(({ generation }) => generation === record.generation);
      if (there.length >= mostOfOne)
        throw fault('bad-request', `server ${id} has ${mostOfOne} links already: "myserver share links ${id}" lists them`);
      const key = randomBytes(24).toString('base64url');
      const link = await store.webLinks.add({
        generation: record.generation,
        door,
        createdBy: personOf(caller),
        expiresMs,
        keyHash: linkKeyHash(key),
      });
      await access.wrote(caller, record, 'link-add', `${door} until ${new Date(expiresMs).toISOString()}`);
      await web.settle();
      return { link, serverId: id, url: `${origin}/.well-known/myserver/enter?link=${key}` };
    },

    list: shown,

    async remove(caller, linkId) {
      const found = (await shown(caller)).find(({ link }) => link.id === linkId);
      if (found === undefined) throw fault('not-found', 'there is no such link; "myserver share links" shows those you may take back');
      const { record } = await access.require(caller, found.serverId, 'share');
      await store.webLinks.remove(linkId);
      await access.wrote(caller, record, 'link-remove', found.link.door);
      await web.settle();
    },
  };
}
