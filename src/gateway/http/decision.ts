/** What becomes of one request: a page of ours, another address, or the way to a server's port. Nothing else is ever connected to. */
import type { IncomingMessage } from 'node:http';
import { ipv4Network, ipv4Number } from '../../core/ipv4.ts';
import { plainAddress } from '../../core/peer-address.ts';
import type { WebMap, WebOrigins, WebRoute } from '../../core/web-route.ts';
import {
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

export type Decision = { readonly page: Page } | { readonly passing: Passing } | { readonly redirect: string };

export interface DecisionOptions {
  readonly origins: WebOrigins;
  /** The servers' private network; no address outside it is ever connected to. */
  readonly network: string;
}

/** `map` undefined: control has not said yet what there is. */
export type Decide = (request: IncomingMessage, map: WebMap | undefined) => Decision;

export function makeDecide({ origins, network: networkText }: DecisionOptions): Decide {
  const network = ipv4Network(networkText);

  function isInside(address: string): boolean {
    const value = ipv4Number(address);
    return value !== undefined && network !== undefined && value >= network.first && value <= network.last;
  }

  function decide(request: IncomingMessage, map: WebMap | undefined): Decision {
    const read = readTarget(request);
    if (read.kind === 'refused') return { page: refusedPage(read.status, read.sentence) };
    if (map === undefined) return { page: startingPage };
    const found = map.find(read.host, read.target);
    switch (found.kind) {
      case 'own':
        return { page: /^\/(?:$|\?)/u.test(read.target) ? frontPage(origins.publicHost) : notFoundPage };
      case 'nobody':
        return { page: nobodyPage(found.id) };
      case 'not-public':
        return { page: notPublicPage(found.route) };
      case 'redirect':
        return { redirect: found.location };
      case 'route':
        return isInside(found.route.address) ? passingOf(request, read, found) : { page: failurePage('unreachable', found.route) };
    }
  }

  function passingOf(
    request: IncomingMessage,
    { host, target }: { readonly host: string; readonly target: string },
    { route, prefix }: { readonly route: WebRoute; readonly prefix: string },
  ): Decision {
    if (!route.isUp) return { page: stoppedPage(route) };
    const clientAddress = plainAddress(request.socket.remoteAddress ?? '').split('%', 1)[0] ?? '';
    return { passing: { route, prefix, host, path: target.slice(prefix.length), clientAddress, port: origins.httpPort } };
  }

  return decide;
}
