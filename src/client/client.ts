/** The typed client of the API. It needs only a `fetch`, which its maker gives it: a browser's, Node's, or one over a unix socket. */
import { fault, isErrorCode } from '../core/errors.ts';
import { apiPrefix, type Input, type Output, pathOf, type Route } from '../contract/route.ts';
import { type RouteName, type Routes, routes } from '../contract/routes.ts';

/** The part of the standard's fetch that the client uses. */
export type Fetch = (
  url: string,
  init: {
    readonly method: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: string;
    readonly signal?: AbortSignal;
  },
) => Promise<{ readonly status: number; readonly text: () => Promise<string> }>;

export interface ClientOptions {
  /** `https://host`, without a path. */
  readonly baseUrl: string;
  readonly fetch: Fetch;
  /** The Authorization header's value, asked for at each call: undefined where opening the socket is the proof. */
  readonly authorization?: () => string | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly idempotencyKey?: string;
}

type Args<R extends Route> = keyof Input<R> extends never
  ? [input?: Record<string, never>, options?: CallOptions]
  : [input: Input<R>, options?: CallOptions];

type RouteTable = Readonly<Record<string, Route>>;

/** One call of a table of routes. Throws the fault that the server answered, or `control-unreachable`. */
export interface Caller<T extends RouteTable> {
  call<K extends keyof T>(name: K, ...args: Args<T[K]>): Promise<Output<T[K]>>;
}

export interface Client {
  /** One call of the public API. */
  call<K extends RouteName>(name: K, ...args: Args<Routes[K]>): Promise<Output<Routes[K]>>;
}

export function makeClient(options: ClientOptions): Client {
  return makeCaller({ ...options, routes, prefix: apiPrefix });
}

export function makeCaller<T extends RouteTable>(options: ClientOptions & { readonly routes: T; readonly prefix: string }): Caller<T> {
  return {
    async call<K extends keyof T>(name: K, ...args: Args<T[K]>): Promise<Output<T[K]>> {
      const [input = {}, { signal, idempotencyKey } = {}] = args as [
        { readonly params?: unknown; readonly query?: unknown; readonly body?: unknown }?,
        CallOptions?,
      ];
      const route: Route = options.routes[name] as Route;
      const authorization = options.authorization?.();
      const response = await options.fetch(`${options.baseUrl}${options.prefix}${pathOf(route, input)}`, {
        method: route.method,
        headers: {
          accept: 'application/json',
          ...(input.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(authorization === undefined ? {} : { authorization }),
          ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
        },
        ...(input.body === undefined ? {} : { body: JSON.stringify(input.body) }),
        ...(signal === undefined ? {} : { signal }),
      });
      const text = await response.text();
      if (response.status >= 400) throw faultOf(response.status, text);
      return (text === '' ? undefined : JSON.parse(text)) as Output<T[K]>;
    },
  };
}

function faultOf(status: number, text: string): Error {
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string; details?: Record<string, string> } };
    if (isErrorCode(error.code)) return fault(error.code, error.message, error.details === undefined ? {} : { details: error.details });
  } catch {
    // Not our own answer: a proxy's page, or another program at this address.
  }
  return fault(
    'control-unreachable',
    `the address answered with HTTP status ${status}, but not as myserver does; check the address (see "myserver login --help")`,
  );
}
