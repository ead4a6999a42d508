/** What a handler of one call is: the call's parts already validated and the caller known; it translates to control's words and back, nothing else. */
import type { Input, Output, Route } from '../contract/route.ts';
import type { RouteName, Routes } from '../contract/routes.ts';
import type { Caller } from '../control/caller.ts';
import type { ServerControl } from '../control/control.ts';
import type { GatewayControl } from '../control/gateway/gateway-control.ts';
import type { PeopleControl } from '../control/people/people-control.ts';
import type { Approach } from '../control/people/password-proof.ts';
import type { PublishedHostKeys } from './known-hosts.ts';
import type { Views } from './views.ts';

/** Whoever calls a door that is open to anybody is known only by where they come from. */
type Who<R extends Route> = R['door'] extends 'anybody' ? { readonly approach: Approach } : { readonly caller: Caller };

export type Asked<R extends Route> = Input<R> &
  Who<R> & {
    /** Fires when the client has gone or the server stops. */
    readonly signal: AbortSignal;
    readonly idempotencyKey: string | undefined;
  };

/** Exactly one for each route: a missing or a left-over one does not compile. */
export type Handlers = { readonly [K in RouteName]: (asked: Asked<Routes[K]>) => Promise<Output<Routes[K]>> };

export interface HandlerParts {
  readonly control: ServerControl;
  readonly people: PeopleControl;
  readonly gateway: GatewayControl;
  readonly views: Views;
  readonly hostKeys: () => Promise<PublishedHostKeys>;
}
