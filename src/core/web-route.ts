/**
 * The web's map: which host and path lead to which port of which server. Pure: the state comes from the store, our own name and port from configuration, and
 * every implementation of the edge decides by the same function.
 */
import type { Generation, ServerId } from './ids.ts';
import type { PortPolicy } from './port-policy.ts';

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
  /** False: the server is not meant to run; visitors get a page that says so. */
  readonly isUp: boolean;
}

/** Everything the edge has to know about servers: stated whole, as often as one likes. */
export interface WebState {
  readonly routes: readonly WebRoute[];
}

export const nothingOnTheWeb: WebState = { routes: [] };

/** Our own names and ports, as people outside see them. */
export interface WebOrigins {
  /** The name people know the host by: `host.example.org`, `localhost`, or an address. */
  readonly publicHost: string;
  /** Servers have names below it: `123.www.DOMAIN`. */
  readonly domain: string | undefined;
  readonly httpPort: number;
}

/** Where one request goes. */
export type WebFound =
  /** To us. */
  | { readonly kind: 'own' }
  /** To that port, with what the path begins with taken off. The prefix is `/www/123`, or empty where the name is the server's own. */
  | { readonly kind: 'route'; readonly route: WebRoute; readonly prefix: string }
  /** To a path of the same origin, with method and body (RFC 9110, section 15.4.9). */
  | { readonly kind: 'redirect'; readonly location: string }
  | { readonly kind: 'not-public'; readonly route: WebRoute }
  /** A server that is not there, or a name below ours that can be nobody's. */
  | { readonly kind: 'nobody'; readonly id: number | undefined };

export interface WebMap {
  /** `host` as the request said it, with or without a port; `target` the path with the query, beginning with `/`. O(1) in the number of routes. */
  find(host: string, target: string): WebFound;
}

const idPattern = String.raw`(0|[1-9]\d{0,4})`;
const belowDoor = new RegExp(String.raw`^\/([a-z][a-z\d-]{0,15})\/${idPattern}(?=$|[/?])`, 'u');
const ownName = new RegExp(String.raw`^${idPattern}\.([a-z][a-z\d-]{0,15})$`, 'u');

export function makeWebMap({ routes }: WebState, { domain }: Pick<WebOrigins, 'domain'>): WebMap {
  const byDoor = new Map(routes.map((route) => [`${route.door} ${route.id}`, route]));
  const doors = new Set(['www', 'usr', ...routes.map(({ door }) => door)]);
  const below = domain === undefined ? undefined : `.${domain.toLowerCase()}`;

  function at(door: string, id: number, prefix: string): WebFound {
    const route = byDoor.get(`${door} ${id}`);
    if (route === undefined) return { kind: 'nobody', id };
    return route.policy === 'public' ? { kind: 'route', route, prefix } : { kind: 'not-public', route };
  }

  /** Undefined for a name that is not one of servers. */
  function byName(name: string): WebFound | undefined {
    const label = below !== undefined && name.endsWith(below) ? name.slice(0, -below.length) : '';
    if (!label.includes('.') || !doors.has(label.slice(label.lastIndexOf('.') + 1))) return undefined;
    const [, id, door = ''] = ownName.exec(label) ?? [];
    return id === undefined ? { kind: 'nobody', id } : at(door, Number(id), '');
  }

  function byPath(target: string): WebFound | undefined {
    const [prefix = '', door = '', id] = belowDoor.exec(target) ?? [];
    if (!doors.has(door)) return undefined;
    const found = at(door, Number(id), prefix);
    const rest = target.slice(prefix.length);
    // Relative addresses of the first page would else lead beside the prefix.
    return found.kind === 'route' && !rest.startsWith('/') ? { kind: 'redirect', location: `${prefix}/${rest}` } : found;
  }

  return { find: (host, target) => byName(hostName(host)) ?? byPath(target) ?? { kind: 'own' } };
}

/** The name alone, in lower case: without port, and without the dot that may end it. `[::1]:80` is `[::1]`. */
function hostName(host: string): string {
  const [name = ''] = /^(?:\[[^\]]*\]|[^:]*)/u.exec(host.trim()) ?? [];
  return name.toLowerCase().replace(/\.$/u, '');
}

/** The addresses of a port by the web, for people. None where it is not public. */
export function urlsOf(
  { publicHost, domain, httpPort }: WebOrigins,
  { id, door, policy }: Pick<WebRoute, 'id' | 'door' | 'policy'>,
): readonly string[] {
  if (policy !== 'public') return [];
  const port = httpPort === 80 ? '' : `:${httpPort}`;
  const host = publicHost.includes(':') ? `[${publicHost}]` : publicHost;
  return [
    `http://${host}${port}/${door}/${id}/`,
    ...(domain === undefined ? [] : [`http://${id}.${door}.${domain.toLowerCase()}${port}/`]),
  ];
}
