/** What becomes of one request: a page of ours, another address, or the way to a server's port. Nothing else is ever connected to. */
import type { IncomingMessage } from 'node:http';
import { ipv4Network, ipv4Number } from '../../core/ipv4.ts';
import { plainAddress } from '../../core/peer-address.ts';
import { authorityPath, type WebListener, type WebOrigins } from '../../core/web-origins.ts';
import type { WebMap, WebRoute } from '../../core/web-route.ts';
import {
  authorityPage,
  failurePage,
  frontPage,
  nobodyPage,
  notFoundPage,
  notPublicPage,
  type Page,
  refusedPage,
  startingPage,
  stoppedPage,
} from './pages.ts';
import type { Passing } from './proxy.ts';
import { readTarget } from './target.ts';

export type Decision =
  | { readonly page: Page }
  | { readonly passing: Passing }
  | { readonly redirect: { readonly status: 307 | 308; readonly location: string } };

export interface DecisionOptions {
  readonly origins: WebOrigins;
  /** The servers' private network; no address outside it is ever connected to. */
  readonly network: string;
}

/** What control has said there is. */
export interface Known {
  readonly map: WebMap;
  /** PEM. */
  readonly authority: string | undefined;
}

/** `known` undefined: control has not said anything yet. */
export type Decide = (request: IncomingMessage, listener: WebListener, known: Known | undefined) => Decision;

export function makeDecide({ origins, network: networkText }: DecisionOptions): Decide {
  const network = ipv4Network(networkText);

  function isInside(address: string): boolean {
    const value = ipv4Number(address);
    return value !== undefined && network !== undefined && value >= network.first && value <= network.last;
  }

  function ownPage(target: string, { authority }: Known): Page {
    const [path = ''] = target.split('?', 1);
    if (path === '/') return frontPage(origins.publicHost);
    return path === authorityPath && authority !== undefined ? authorityPage(authority) : notFoundPage;
  }

  function passingOf(
    request: IncomingMessage,
    listener: WebListener,
    { host, target }: { readonly host: string; readonly target: string },
    { route, prefix }: { readonly route: WebRoute; readonly prefix: string },
  ): Decision {
    if (!route.isUp) return { page: stoppedPage(route) };
    const clientAddress = plainAddress(request.socket.remoteAddress ?? '').split('%', 1)[0] ?? '';
    const proto = listener === 'http' ? 'http' : 'https';
    const port = origins.ports[listener] ?? 0;
    return { passing: { route, prefix, host, path: target.slice(prefix.length), clientAddress, proto, port } };
  }

  return (request, listener, known) => {
    const read = readTarget(request);
    if (read.kind === 'refused') return { page: refusedPage(read.status, read.sentence) };
    if (known === undefined) return { page: startingPage };
    const { map, authority } = known;
    // Whoever is to trust the authority cannot be led to HTTPS first.
    if (listener === 'http' && authority !== undefined && read.target === authorityPath) return { page: authorityPage(authority) };
    const found = map.find(listener, read.host, read.target);
    switch (found.kind) {
      case 'own':
        return { page: ownPage(read.target, known) };
      case 'nobody':
        return { page: nobodyPage(found.id) };
      case 'not-public':
        return { page: notPublicPage(found.route) };
      case 'redirect':
        return { redirect: found };
      case 'route':
        return isInside(found.route.address)
          ? passingOf(request, listener, read, found)
          : { page: failurePage('unreachable', found.route) };
    }
  };
}
