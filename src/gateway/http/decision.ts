/** What becomes of one request: a page of ours, another address, or the way to a server's port. Nothing else is ever connected to. */
import { createPublicKey } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ipv4Network, ipv4Number } from '../../core/ipv4.ts';
import { isLink, makeVisitors, mayRideOnPass, type PassClaims, type Visitors } from '../../core/web-pass.ts';
import { authorityPath, portalOrigin, type WebListener, type WebOrigins } from '../../core/web-origins.ts';
import { makeWebMap, type WebMap, type WebRoute, type WebState } from '../../core/web-route.ts';
import { clientAddressOf, vouchedFor } from './behind-front.ts';
import {
  failurePage,
  filePage,
  fromElsewherePage,
  frontPage,
  nobodyPage,
  notFoundPage,
  notPublicPage,
  type Page,
  refusedPage,
  signInFirstPage,
  startingPage,
  stoppedPage,
} from './pages.ts';
import type { Visitor } from './heads.ts';
import { makePassReader, type PassReader } from './pass-reader.ts';
import type { Passing } from './proxy.ts';
import { repairScript, repairScriptPath } from './repair/browser.ts';
import { meantBelow } from './repair/fallback.ts';
import { readTarget } from './target.ts';
import { wellKnown } from './well-known.ts';

export type Decision =
  | { readonly page: Page }
  | { readonly passing: Passing }
  | { readonly redirect: { readonly status: 303 | 307 | 308; readonly location: string } }
  | { readonly desk: DeskCall }
  /** To what is ours at that path, if anything is; else the page. */
  | { readonly portal: string; readonly otherwise: Decision };

export interface DeskCall {
  readonly target: string;
  /** The port on whose origin it is; undefined: our own. */
  readonly at: WebRoute | undefined;
}

export interface DecisionOptions {
  readonly origins: WebOrigins;
  /** The servers' private network; no address outside it is ever connected to. */
  readonly network: string;
}

/** What control has said there is, made ready to decide by. */
export interface Known {
  readonly map: WebMap;
  readonly visitors: Visitors;
  readonly readPass: PassReader;
  readonly authority: string | undefined;
  /** Tokens and what they prove. */
  readonly challenges: ReadonlyMap<string, string>;
  readonly keys: string;
}

export function knownOf(state: WebState, origins: WebOrigins): Known {
  const keys = state.passKey === '' ? [] : [{ ...createPublicKey(state.passKey).export({ format: 'jwk' }), alg: 'RS256', use: 'sig' }];
  return {
    map: makeWebMap(state, origins),
    visitors: makeVisitors(state),
    readPass: makePassReader(state.passKey),
    authority: state.authority,
    challenges: new Map(state.challenges.map(({ token, keyAuthorization }) => [token, keyAuthorization])),
    keys: `${JSON.stringify({ keys })}\n`,
  };
}

const challengeToken = /^\/\.well-known\/acme-challenge\/([\w-]+)$/u;

/** Its address changes with it. */
const repairScriptPage: Page = {
  ...filePage('text/javascript; charset=utf-8', repairScript),
  headers: { 'cache-control': 'public, max-age=604800, immutable' },
};

/** `known` undefined: control has not said anything yet. */
export type Decide = (request: IncomingMessage, listener: WebListener, known: Known | undefined) => Decision;

interface Read {
  readonly host: string;
  readonly target: string;
}

export function makeDecide({ origins, network: networkText }: DecisionOptions): Decide {
  const network = ipv4Network(networkText);
  const portal = portalOrigin(origins);

  function isInside(address: string): boolean {
    const value = ipv4Number(address);
    return value !== undefined && network !== undefined && value >= network.first && value <= network.last;
  }

  function onOwnOrigin(request: IncomingMessage, listener: WebListener, read: Read, route: WebRoute, known: Known): Decision {
    const [path = ''] = read.target.split('?', 1);
    if (path === wellKnown.enter || path === wellKnown.leave) return { desk: { target: read.target, at: route } };
    const vouched = vouchedFor(request)?.identity;
    const claims = vouched === undefined ? known.readPass(request, Date.now()) : undefined;
    const isVisitor = vouched !== undefined || (claims !== undefined && known.visitors.mayVisit(route, claims));
    if (isVisitor && !mayRideOnPass({ method: request.method, host: read.host, headers: request.headers }))
      return { page: fromElsewherePage(route) };
    if (isVisitor) return passingOf(request, listener, read, { route, prefix: '', claims });
    const isPage = (request.method === 'GET' || request.method === 'HEAD') && /\btext\/html\b/u.test(request.headers.accept ?? '');
    if (!isPage || portal === undefined) return { page: signInFirstPage(route) };
    const query = new URLSearchParams({ server: String(route.id), door: route.door, to: read.target });
    return { redirect: { status: 303, location: `${portal}${wellKnown.signIn}?${query.toString()}` } };
  }

  function passingOf(
    request: IncomingMessage,
    listener: WebListener,
    { host, target }: Read,
    { route, prefix, claims }: { readonly route: WebRoute; readonly prefix: string; readonly claims?: PassClaims | undefined },
  ): Decision {
    const path = target.slice(prefix.length);
    if (prefix !== '' && path.split('?', 1)[0] === repairScriptPath) return { page: repairScriptPage };
    if (!isInside(route.address)) return { page: failurePage('unreachable', route) };
    if (!route.isUp)
      return { page: stoppedPage(route, portal === undefined ? undefined : `${portal}${wellKnown.start}?server=${route.id}`) };
    const proto = listener === 'http' ? 'http' : 'https';
    const port = origins.ports[listener] ?? 0;
    const visitor = visitorOf(request, claims);
    return {
      passing: { route, prefix, host, path, clientAddress: clientAddressOf(request), proto, port, visitor },
    };
  }

  return (request, listener, known) => {
    const read = readTarget(request);
    if (read.kind === 'refused') return { page: refusedPage(read.status, read.sentence) };
    if (known === undefined) return { page: startingPage };
    const proof = listener === 'http' ? known.challenges.get(challengeToken.exec(read.target)?.[1] ?? '') : undefined;
    if (proof !== undefined) return { page: filePage('text/plain', proof) };
    // Whoever is to trust the authority cannot be led to HTTPS first.
    if (listener === 'http' && known.authority !== undefined && read.target === authorityPath)
      return ownPage(listener, read.target, portal ?? '', origins.publicHost, known);
    const found = known.map.find(listener, read.host, read.target);
    switch (found.kind) {
      case 'own': {
        const page =
          (read.target === '/' ? undefined : meant(request, listener, read, known)) ??
          ownPage(listener, read.target, portal ?? '', origins.publicHost, known);
        return listener === 'https' ? { portal: read.target, otherwise: page } : page;
      }
      case 'nobody':
        return (found.id === undefined ? meant(request, listener, read, known) : undefined) ?? { page: nobodyPage(found.id) };
      case 'not-public':
        return { page: notPublicPage(found.route) };
      case 'private':
        return onOwnOrigin(request, listener, read, found.route, known);
      case 'redirect':
        return { redirect: found };
      case 'route':
        return passingOf(request, listener, read, found);
    }
  };
}

function visitorOf(request: IncomingMessage, claims: PassClaims | undefined): Visitor | undefined {
  const { identity, person } = vouchedFor(request) ?? {};
  if (identity !== undefined) return { claims: undefined, identity, person };
  return claims === undefined ? undefined : { claims, identity: claims.id, person: isLink(claims.sub) ? undefined : claims.sub };
}

function meant(request: IncomingMessage, listener: WebListener, read: Read, { map }: Known): Decision | undefined {
  if (read.target.startsWith('/.well-known/myserver/')) return undefined;
  const location = meantBelow(request, listener, read, map);
  return location === undefined ? undefined : { redirect: { status: 307, location } };
}

const terminalPage = /^\/ssh\/(?:0|[1-9]\d{0,4})\/?$/u;

/** `portal`: our own origin by HTTPS; empty where there is none. */
function ownPage(listener: WebListener, target: string, portal: string, publicHost: string, { authority, keys }: Known): Decision {
  const [path = ''] = target.split('?', 1);
  if (path === '/') return { page: frontPage(publicHost, listener === 'https' || portal === '' ? undefined : portal) };
  // Nobody types a password by plain HTTP. Of the API there is nothing here: whoever showed a token learns so at once.
  if (listener === 'http' && portal !== '' && terminalPage.test(path)) return { redirect: { status: 308, location: portal + target } };
  if (path === authorityPath && authority !== undefined) return { page: filePage('application/x-pem-file', authority) };
  if (listener !== 'https') return { page: notFoundPage };
  if (path === wellKnown.keys) return { page: filePage('application/jwk-set+json', keys) };
  return path === wellKnown.signIn || path === wellKnown.start ? { desk: { target, at: undefined } } : { page: notFoundPage };
}
