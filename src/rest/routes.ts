/** Every route of the contract bound to its handler, in one table. */
import { type InternalRouteName, internalPrefix, internalRoutes } from '../contract/internal.ts';
import { apiPrefix, type Route } from '../contract/route.ts';
import { type RouteName, routes } from '../contract/routes.ts';
import { grantHandlers, groupHandlers } from './groups.ts';
import type { HandlerParts, Handlers } from './handler.ts';
import { imageHandlers } from './images.ts';
import { installationHandlers } from './installation.ts';
import { operationHandlers } from './operations.ts';
import { peopleHandlers } from './people.ts';
import { internalHandlers } from './internal.ts';
import { recordingHandlers } from './recordings.ts';
import { sessionHandlers } from './sessions.ts';
import { serverHandlers } from './servers.ts';
import { tokenHandlers } from './tokens.ts';
import { webHandlers } from './web.ts';

export function makeHandlers(parts: HandlerParts): Handlers {
  return {
    ...installationHandlers(parts),
    ...serverHandlers(parts),
    ...imageHandlers(parts),
    ...operationHandlers(parts),
    ...peopleHandlers(parts),
    ...tokenHandlers(parts),
    ...groupHandlers(parts),
    ...grantHandlers(parts),
    ...sessionHandlers(parts),
    ...recordingHandlers(parts),
    ...webHandlers(parts),
  };
}

/** A route as the door binds it: its types were checked where the handler was written. */
export interface BoundRoute {
  readonly prefix: string;
  readonly route: Route;
  readonly handle: (asked: unknown) => Promise<unknown>;
}

export function bind(handlers: Handlers): readonly BoundRoute[] {
  return (Object.keys(routes) as RouteName[]).map((name) => ({
    prefix: apiPrefix,
    route: routes[name],
    handle: handlers[name] as (asked: unknown) => Promise<unknown>,
  }));
}

/** What the gateway alone may ask. */
export function bindInternal(parts: HandlerParts): readonly BoundRoute[] {
  const handlers = internalHandlers(parts);
  return (Object.keys(internalRoutes) as InternalRouteName[]).map((name) => ({
    prefix: internalPrefix,
    route: internalRoutes[name],
    handle: handlers[name] as (asked: unknown) => Promise<unknown>,
  }));
}

/** Whose password has run out may call only these. */
export const routesBeforePasswordChange: readonly RouteName[] = ['health', 'me', 'login', 'personPassword', 'revokeToken'];

/**
 * What nobody calls by way of the gateway. A token would outlive the session that it was made in, and a gateway that somebody has taken over sees the
 * passwords that are typed into it; the lobby has no command for it.
 */
export const routesNotByGateway: readonly RouteName[] = ['login'];

/** The methods that some route has on this path (below the prefix), for an answer to the wrong one. */
export function methodsOn(path: string): readonly string[] {
  const parts = path.split('/');
  return Object.values(routes)
    .filter((route) => {
      const pattern = route.path.split('/');
      return pattern.length === parts.length && pattern.every((part, index) => part.startsWith(':') || part === parts[index]);
    })
    .map(({ method }) => method);
}
