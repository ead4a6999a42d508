/**
 * Passes: what lets a visitor in to a port that is not public, on that port's own origin alone. Control signs them (RFC 7519, RS256); whoever has the public
 * half reads them, and the state of the web says whether they still count: a right, a password or a server that is gone revokes at once.
 */
import type { Generation } from './ids.ts';
import type { WebRoute, WebState } from './web-route.ts';

/** `__Host-`: of that very origin, by HTTPS, for every path (RFC 6265bis, section 4.1.3.2). It never goes inward. */
export const passCookie = '__Host-myserver';
export const passSeconds = 12 * 3600;
export const passType = 'pass+jwt';
/** The type of what tells the server who visits. */
export const identityType = 'identity+jwt';

export interface PassClaims {
  /** A person's name, or `link:ID` for who has a link that was handed out. */
  readonly sub: string;
  readonly gen: Generation;
  readonly door: string;
  /** Another after a new password: passes from before it count no more. */
  readonly stamp: string;
  /** Seconds since 1970. */
  readonly exp: number;
  /** `SUB|GENERATION/DOOR|STAMP|EXP`: the same for a reader that pays for each claim it looks up. */
  readonly line: string;
  /** For the server: a token of its own, with generation and door as its audience. */
  readonly id: string;
}

export function isLink(subject: string): boolean {
  return subject.startsWith('link:');
}

export interface Visitors {
  mayVisit(route: WebRoute, claims: Pick<PassClaims, 'sub' | 'gen' | 'door' | 'stamp'>): boolean;
  stampOf(subject: string): string | undefined;
}

export function makeVisitors({ stamps, readers }: Pick<WebState, 'stamps' | 'readers'>): Visitors {
  const stampOf = new Map(stamps.map(({ subject, stamp }) => [subject, stamp]));
  const readersOf = new Map(readers.map(({ generation, subjects }) => [generation, new Set(subjects)]));
  return {
    stampOf: (subject) => stampOf.get(subject),
    mayVisit(route, { sub, gen, door, stamp }) {
      if (gen !== route.generation || door !== route.door || stampOf.get(sub) !== stamp) return false;
      switch (route.policy) {
        case 'public':
        case 'signed-in':
          return true;
        case 'shared':
          return isLink(sub) || (readersOf.get(gen)?.has(sub) ?? false);
        case 'off':
          return false;
      }
    },
  };
}

export interface AskedFor {
  readonly method: string | undefined;
  /** As asked: name, and port if it is said. */
  readonly host: string;
  readonly headers: { readonly origin?: string | undefined } & Readonly<
    Partial<Record<'sec-fetch-site' | 'sec-fetch-mode' | 'sec-fetch-dest', string | readonly string[] | undefined>>
  >;
}

/**
 * Whether a request is of the port's own pages, or a visitor's who comes to one: for no other does a pass count. All servers' names are one site to a
 * browser, which sends a pass along with whatever a neighbour's page asks for (Fetch Metadata Request Headers, W3C, section 2; RFC 6454, section 7).
 */
export function mayRideOnPass({ method, host, headers }: AskedFor): boolean {
  const { origin, 'sec-fetch-site': site, 'sec-fetch-mode': mode, 'sec-fetch-dest': destination } = headers;
  if ((method === 'GET' || method === 'HEAD') && mode === 'navigate' && destination === 'document') return true;
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  return origin === undefined || origin.toLowerCase() === `https://${host.toLowerCase()}`;
}
