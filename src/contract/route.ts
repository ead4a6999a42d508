/** How one call of the API is described: once, here, for the server's validation, the client's types and the OpenAPI document alike. */
import type { Static, TSchema } from 'typebox';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Who may call at all; whether the deed is allowed is `core/access`'s to say. `gateway`: only over the gateway's own socket. */
export type Door = 'anybody' | 'signed-in' | 'administrator' | 'root' | 'gateway';

export interface Route {
  readonly method: Method;
  /** Below the table's prefix (`/api/v1`), parameters as `:name`. */
  readonly path: string;
  /** Stable name: OpenAPI's operationId. */
  readonly name: string;
  readonly summary: string;
  readonly tag: string;
  readonly door: Door;
  readonly params?: TSchema;
  readonly query?: TSchema;
  readonly body?: TSchema;
  /** The success status; 202 means that an operation has begun and goes on. */
  readonly status: 200 | 201 | 202 | 204;
  readonly response?: TSchema;
  /** Takes an `Idempotency-Key` header: the same key and body from the same person gives the first answer again, without its secrets. */
  readonly idempotent?: true;
}

type Part<R extends Route, K extends 'params' | 'query' | 'body'> = R[K] extends TSchema ? { readonly [P in K]: Static<R[K]> } : unknown;

/** What a call of `R` takes: exactly the parts that the route has. */
export type Input<R extends Route> = Part<R, 'params'> & Part<R, 'query'> & Part<R, 'body'>;

/** What a call of `R` gives back. */
export type Output<R extends Route> = R['response'] extends TSchema ? Static<R['response']> : undefined;

export const apiPrefix = '/api/v1';

/** The path of one call: parameters filled in and escaped, query appended (undefined values left out). Without prefix. */
export function pathOf(route: Route, input: { readonly params?: unknown; readonly query?: unknown }): string {
  const params = (input.params ?? {}) as Readonly<Record<string, unknown>>;
  const path = route.path.replaceAll(/:(\w+)/gu, (_all, key: string) => encodeURIComponent(String(params[key])));
  const query = Object.entries((input.query ?? {}) as Readonly<Record<string, unknown>>)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(String(value))}`);
  return query.length === 0 ? path : `${path}?${query.join('&')}`;
}
