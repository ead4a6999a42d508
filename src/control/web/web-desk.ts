/**
 * What control decides for visitors of the web: who gets a pass for a port that is not public, and who may start a server that they found stopped. A password
 * is shown on our own origin and answered with a ticket, which the port's own origin changes for the pass: neither origin sees what is the other's.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import type { Secret } from '../../base/secret.ts';
import { fault } from '../../core/errors.ts';
import { parseGeneration } from '../../core/ids.ts';
import { parsePersonName } from '../../core/names.ts';
import { isLink, makeVisitors } from '../../core/web-pass.ts';
import type { WebRoute } from '../../core/web-route.ts';
import type { ServerRecord } from '../../store/servers.ts';
import type { Store } from '../../store/store.ts';
import type { Caller } from '../caller.ts';
import type { ServerVerbs } from '../control.ts';
import type { SignIn } from '../people/sign-in.ts';
import { linkKeyHash, linkStamp, linkSubject } from './link-stamps.ts';
import type { Passes } from './passes.ts';
import type { WebRoutes } from './web-routes.ts';

/** One port of one server, as somebody wants to visit it. */
export interface WebPlace {
  readonly generation: string;
  readonly door: string;
}

export interface WebSignIn {
  readonly person: string;
  readonly password: Secret;
  readonly fromAddress: string;
}

export interface WebDesk {
  /**
   * A ticket for that port. Throws `wrong-password`, `too-many-tries`, `password-expired`, and `not-allowed` for a port that is off, not there, or not for
   * this person: which of these it is a visitor does not learn.
   */
  signIn(who: WebSignIn, place: WebPlace): Promise<string>;
  /** A pass, once for each ticket. Throws `not-signed-in` for what is no live ticket for this place. */
  enter(ticket: string, place: WebPlace, fromAddress: string): Promise<{ readonly pass: string; readonly seconds: number }>;
  /** The same for the key of a link that was handed out, as often as one likes until it runs out. */
  enterByLink(key: string, place: WebPlace, fromAddress: string): Promise<{ readonly pass: string; readonly seconds: number }>;
  /** Throws what `signIn` and `ServerVerbs.start` throw. */
  start(who: WebSignIn, id: number): Promise<void>;
}

export interface WebDeskOptions {
  readonly store: Store;
  readonly routes: WebRoutes;
  readonly passes: Passes;
  readonly signIn: SignIn;
  readonly servers: Pick<ServerVerbs, 'start'>;
  readonly clock: Clock;
}

interface Ticket {
  readonly subject: string;
  readonly stamp: string;
  readonly place: WebPlace;
  readonly endsMs: number;
}

const ticketMs = 60_000;
const mostTickets = 10_000;

export function makeWebDesk({ store, routes, passes, signIn, servers, clock }: WebDeskOptions): WebDesk {
  const tickets = new Map<string, Ticket>();

  function routeAt({ generation, door }: WebPlace): WebRoute | undefined {
    return routes.state().routes.find((route) => route.generation === generation && route.door === door);
  }

  async function byPassword({ person, password, fromAddress }: WebSignIn): Promise<Caller> {
    const { actor, passwordMustChange } = await signIn.byPassword(person, password, { via: 'web', fromAddress });
    if (passwordMustChange)
      throw fault('password-expired', 'this is a one-time password and must be changed first: sign in by SSH, or with "myserver login"');
    return { actor, via: 'web', fromAddress, tokenId: undefined };
  }

  async function wrote(subject: string, record: ServerRecord | undefined, fromAddress: string, allowed: boolean, detail: string) {
    const server = record === undefined ? undefined : { id: record.id, generation: record.generation };
    const person = isLink(subject) ? undefined : parsePersonName(subject);
    const how = isLink(subject) ? `${detail} by ${subject}` : detail;
    await store.audit.append({ person, via: 'web', fromAddress, deed: 'visit', server, allowed, detail: how });
  }

  /** The oldest make room: somebody who draws them without end harms who draws at the same minute, and nobody else. */
  function keep(ticket: Ticket): string {
    const key = randomBytes(24).toString('base64url');
    for (const [old, { endsMs }] of tickets) {
      if (endsMs > clock.now() && tickets.size < mostTickets) break;
      tickets.delete(old);
    }
    tickets.set(key, ticket);
    return key;
  }

  return {
    async signIn(who, place) {
      const { actor } = await byPassword(who);
      if (actor.kind !== 'person') throw fault('internal', 'a password belongs to a person');
      await routes.settle();
      const route = routeAt(place);
      const visitors = makeVisitors(routes.state());
      const stamp = visitors.stampOf(actor.name);
      const record = await store.servers.byGeneration(parseGeneration(place.generation));
      const claims = { sub: actor.name, gen: parseGeneration(place.generation), door: place.door, stamp: stamp ?? '' };
      if (route === undefined || stamp === undefined || !visitors.mayVisit(route, claims)) {
        await wrote(actor.name, record, who.fromAddress, false, place.door);
        throw fault('not-allowed', 'you may not visit this page: ask whoever the server belongs to to share it with you');
      }
      return keep({ subject: actor.name, stamp, place, endsMs: clock.now() + ticketMs });
    },

    async enter(key, { generation, door }, fromAddress) {
      const ticket = tickets.get(key);
      const isHere = ticket !== undefined && ticket.place.generation === generation && ticket.place.door === door;
      if (!isHere || ticket.endsMs <= clock.now()) throw fault('not-signed-in', 'this way in has been used or has run out: sign in again');
      tickets.delete(key);
      await wrote(ticket.subject, await store.servers.byGeneration(parseGeneration(generation)), fromAddress, true, door);
      return passes.give({
        subject: ticket.subject,
        stamp: ticket.stamp,
        generation: parseGeneration(generation),
        door,
        notAfterMs: undefined,
      });
    },

    async enterByLink(key, { generation, door }, fromAddress) {
      const link = await store.webLinks.byKeyHash(linkKeyHash(key));
      const isHere = link !== undefined && link.generation === generation && link.door === door;
      if (!isHere || link.expiresMs <= clock.now())
        throw fault('not-signed-in', 'this link has run out, or was taken back: ask for another');
      const subject = linkSubject(link);
      await wrote(subject, await store.servers.byGeneration(link.generation), fromAddress, true, door);
      return passes.give({ subject, stamp: linkStamp(link), generation: link.generation, door, notAfterMs: link.expiresMs });
    },

    async start(who, id) {
      await servers.start(await byPassword(who), id);
    },
  };
}
