/**
 * The web's map: which host and path lead to which port of which server. Pure: the state comes from the store, our own name and port from configuration, and
 * every implementation of the edge decides by the same function.
 */
import type { Generation, ServerId } from './ids.ts';
import type { PortPolicy, RepairMode } from './port-policy.ts';
import type { WebCertificate } from './web-certificate.ts';
import { contentHost, contentOrigin, ownOrigin, portalOrigin, type WebListener, type WebOrigins } from './web-origins.ts';

/** One port of one server, as the web reaches it. */
export interface WebRoute {
  readonly id: ServerId;
  readonly generation: Generation;
  /** The word in its addresses: `www`, `usr`. */
  readonly door: string;
  /** The server's private address and port. */
  readonly address: string;
  readonly port: number;
  readonly policy: PortPolicy;
  readonly repair: RepairMode;
  /** False: the server is not meant to run; visitors get a page that says so. */
  readonly isUp: boolean;
}

export interface WebDomainRoute {
  readonly name: string;
  readonly generation: Generation;
  readonly door: string;
}

/** Everything the edge has to know: stated whole, as often as one likes. */
export interface WebState {
  readonly routes: readonly WebRoute[];
  /** What visitors are shown who do not name a host is the first. */
  readonly certificates: readonly WebCertificate[];
  /** Names of the DNS that servers have of their own, in lower case. */
  readonly domains: readonly WebDomainRoute[];
  /** PEM, SubjectPublicKeyInfo: what passes are read with. */
  readonly passKey: string;
  /** Who may visit anything that is not public, as their passes must say now. */
  readonly stamps: readonly { readonly subject: string; readonly stamp: string }[];
  /** Of servers that have a port for chosen people. */
  readonly readers: readonly { readonly generation: Generation; readonly subjects: readonly string[] }[];
  /** Proofs that names are ours, for an authority that asks by plain HTTP (RFC 8555, section 8.3). */
  readonly challenges: readonly { readonly token: string; readonly keyAuthorization: string }[];
  /** PEM of the authority that people may trust for trials; undefined where certificates are from elsewhere. */
  readonly authority: string | undefined;
}

export const nothingOnTheWeb: WebState = {
  routes: [],
  domains: [],
  certificates: [],
  challenges: [],
  authority: undefined,
  passKey: '',
  stamps: [],
  readers: [],
};

/** Where one request goes. */
export type WebFound =
  /** To us. */
  | { readonly kind: 'own' }
  /** To that port, with what the path begins with taken off. The prefix is `/www/123`, or empty where the name is the server's own. */
  | { readonly kind: 'route'; readonly route: WebRoute; readonly prefix: string }
  /** To another address, with method and body: 308 for good, 307 as long as we are set up as we are (RFC 9110, sections 15.4.8 and 15.4.9). */
  | { readonly kind: 'redirect'; readonly status: 307 | 308; readonly location: string }
  /** To that port on its own origin, for who has a pass. */
  | { readonly kind: 'private'; readonly route: WebRoute }
  | { readonly kind: 'not-public'; readonly route: WebRoute }
  /** A server that is not there, or a name below ours that can be nobody's. */
  | { readonly kind: 'nobody'; readonly id: number | undefined };

export interface WebMap {
  /** `host` as the request said it, with or without a port; `target` the path with the query, beginning with `/`. O(1) in the number of routes. */
  find(listener: WebListener, host: string, target: string): WebFound;
  routeAt(id: number, door: string): WebRoute | undefined;
}

const idPattern = String.raw`(0|[1-9]\d{0,4})`;
const belowDoor = new RegExp(String.raw`^\/([a-z][a-z\d-]{0,15})\/${idPattern}(?=$|[/?])`, 'u');
const ownName = new RegExp(String.raw`^${idPattern}\.([a-z][a-z\d-]{0,15})$`, 'u');

export function makeWebMap({ routes, domains }: Pick<WebState, 'routes' | 'domains'>, origins: WebOrigins): WebMap {
  const byDoor = new Map(routes.map((route) => [`${route.door} ${route.id}`, route]));
  const ofDomain = routesOfDomains(routes, domains);
  const doors = new Set(['www', 'usr', ...routes.map(({ door }) => door)]);
  const below = origins.domain === undefined ? undefined : `.${origins.domain.toLowerCase()}`;
  const contentName = origins.domain === undefined ? undefined : contentHost(origins.domain);
  const content = contentOrigin(origins);
  const portal = portalOrigin(origins);

  /** `rest` is the target without the prefix. */
  function at(door: string, id: number, prefix: string, rest: string, isOwnOrigin: boolean): WebFound {
    const route = byDoor.get(`${door} ${id}`);
    if (route === undefined) return { kind: 'nobody', id };
    if (route.policy === 'public') return { kind: 'route', route, prefix };
    const own = ownOrigin(origins, id, door);
    if (route.policy === 'off' || own === undefined) return { kind: 'not-public', route };
    return isOwnOrigin
      ? { kind: 'private', route }
      : { kind: 'redirect', status: 307, location: own + (rest.startsWith('/') ? rest : `/${rest}`) };
  }

  /** Undefined for a name that is not one of servers. */
  function byName(name: string, target: string, isOwnOrigin: boolean): WebFound | undefined {
    const owned = ofDomain.get(name);
    // Whoever has to sign in does so where the pass is good: at the name that we gave.
    if (owned !== undefined) return at(owned.door, owned.id, '', target, false);
    const label = below !== undefined && name.endsWith(below) ? name.slice(0, -below.length) : '';
    if (!label.includes('.') || !doors.has(label.slice(label.lastIndexOf('.') + 1))) return undefined;
    const [, id, door = ''] = ownName.exec(label) ?? [];
    return id === undefined ? { kind: 'nobody', id } : at(door, Number(id), '', target, isOwnOrigin);
  }

  function isBelowDoor(target: string): boolean {
    return doors.has(belowDoor.exec(target)?.[1] ?? '');
  }

  function byPath(target: string): WebFound | undefined {
    const [prefix = '', door = '', id] = belowDoor.exec(target) ?? [];
    if (!doors.has(door)) return undefined;
    const rest = target.slice(prefix.length);
    const found = at(door, Number(id), prefix, rest, false);
    // Relative addresses of the first page would else lead beside the prefix.
    return found.kind === 'route' && !rest.startsWith('/') ? { kind: 'redirect', status: 308, location: `${prefix}/${rest}` } : found;
  }

  /** The same by HTTPS. Undefined where HTTPS has no such place. */
  function secured(name: string, target: string): WebFound | undefined {
    const to = (place: string | undefined): WebFound | undefined =>
      place === undefined ? undefined : { kind: 'redirect', status: 308, location: place + target };
    const port = origins.ports.https === 443 ? '' : `:${origins.ports.https}`;
    if (portal !== undefined && byName(name, target, false) !== undefined) return to(`https://${name}${port}`);
    return isBelowDoor(target) ? to(content) : to(portal);
  }

  function byHttps(name: string, target: string): WebFound {
    if (name === contentName) return byPath(target) ?? { kind: 'nobody', id: undefined };
    const named = byName(name, target, true);
    if (named !== undefined) return named;
    if (content === undefined || !isBelowDoor(target)) return { kind: 'own' };
    return { kind: 'redirect', status: 307, location: content + target };
  }

  return {
    routeAt: (id, door) => byDoor.get(`${door} ${id}`),
    find(listener, host, target) {
      const name = hostName(host);
      switch (listener) {
        case 'http':
          return (
            (origins.isHttpsOnly ? secured(name, target) : undefined) ?? byName(name, target, false) ?? byPath(target) ?? { kind: 'own' }
          );
        case 'https':
          return byHttps(name, target);
        case 'content':
          return byPath(target) ?? { kind: 'nobody', id: undefined };
      }
    },
  };
}

/** A domain ends with its server: for one that is not there, there is no route. */
function routesOfDomains(routes: readonly WebRoute[], domains: readonly WebDomainRoute[]): ReadonlyMap<string, WebRoute> {
  const byGeneration = new Map(routes.map((route) => [`${route.door} ${route.generation}`, route]));
  return new Map(
    domains.flatMap(({ name, door, generation }) => {
      const route = byGeneration.get(`${door} ${generation}`);
      return route === undefined ? [] : [[name, route] as const];
    }),
  );
}

/** The name alone, in lower case: without port, and without the dot that may end it. `[::1]:80` is `[::1]`. */
function hostName(host: string): string {
  const [name = ''] = /^(?:\[[^\]]*\]|[^:]*)/u.exec(host.trim()) ?? [];
  return name.toLowerCase().replace(/\.$/u, '');
}
