/**
 * Our own names and ports on the web, as people outside see them, and the addresses made of them (DESIGN.md, "Listeners and origins"). The pages of all
 * servers below `/www/ID/` share one origin, which is never the one of our own pages: a name of its own where there is a domain, else a port of its own.
 */
import type { PortPolicy } from './port-policy.ts';

export interface WebOrigins {
  /** The name people know the host by: `host.example.org`, `localhost`, or an address. */
  readonly publicHost: string;
  /** Servers have names below it: `123.www.DOMAIN`. */
  readonly domain: string | undefined;
  readonly ports: WebPorts;
  /** Plain HTTP leads to HTTPS. */
  readonly isHttpsOnly: boolean;
}

/** Undefined: nothing listens there. */
export interface WebPorts {
  readonly http: number | undefined;
  readonly https: number | undefined;
  /** HTTPS of servers' pages below prefixes, where no domain gives them a name. */
  readonly content: number | undefined;
}

/** By which of our ports a request came. */
export type WebListener = keyof WebPorts;

const usualPort = { http: 80, https: 443 } as const;

function origin(scheme: 'http' | 'https', host: string, port: number): string {
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}${port === usualPort[scheme] ? '' : `:${port}`}`;
}

/** Of our own pages: the portal, signing in. Undefined without HTTPS. */
export function portalOrigin({ publicHost, ports }: WebOrigins): string | undefined {
  return ports.https === undefined ? undefined : origin('https', publicHost, ports.https);
}

/** Of what is public below prefixes, by HTTPS. */
export function contentOrigin({ publicHost, domain, ports }: WebOrigins): string | undefined {
  if (ports.https !== undefined && domain !== undefined) return origin('https', contentHost(domain), ports.https);
  return ports.content === undefined ? undefined : origin('https', publicHost, ports.content);
}

export function contentHost(domain: string): string {
  return `www.${domain.toLowerCase()}`;
}

/** Of one server's one port, by HTTPS. */
export function ownOrigin({ domain, ports }: WebOrigins, id: number | 'ID', door: string): string | undefined {
  return domain === undefined || ports.https === undefined
    ? undefined
    : origin('https', `${id}.${door}.${domain.toLowerCase()}`, ports.https);
}

/** The addresses of a port by the web, for people, the best first: where it is not public, at most the one where they can sign in. */
export function urlsOf(
  origins: WebOrigins,
  { id, door, policy }: { readonly id: number | 'ID'; readonly door: string; readonly policy: PortPolicy },
): readonly string[] {
  const { publicHost, domain, ports, isHttpsOnly } = origins;
  const below = `/${door}/${id}/`;
  const content = contentOrigin(origins);
  const own = ownOrigin(origins, id, door);
  if (policy === 'off') return [];
  if (policy !== 'public') return own === undefined ? [] : [`${own}/`];
  const plainPort = isHttpsOnly ? undefined : ports.http;
  return [
    ...(content === undefined ? [] : [content + below]),
    ...(own === undefined ? [] : [`${own}/`]),
    ...(plainPort === undefined ? [] : [origin('http', publicHost, plainPort) + below]),
    ...(plainPort === undefined || domain === undefined || own !== undefined
      ? []
      : [`${origin('http', `${id}.${door}.${domain.toLowerCase()}`, plainPort)}/`]),
  ];
}

/** Where people fetch the authority to trust, where there is one of our own. */
export function authorityUrl({ publicHost, ports }: WebOrigins): string | undefined {
  return ports.http === undefined || ports.https === undefined ? undefined : origin('http', publicHost, ports.http) + authorityPath;
}

export const authorityPath = '/.well-known/myserver/authority.pem';

/** Every name that a certificate of ours is to have. */
export function certificateNames({ publicHost, domain }: Pick<WebOrigins, 'publicHost' | 'domain'>): readonly string[] {
  const below =
    domain === undefined ? [] : [domain, contentHost(domain), `*.www.${domain}`, `*.usr.${domain}`].map((name) => name.toLowerCase());
  return [...new Set([publicHost.toLowerCase(), 'localhost', ...below])];
}
