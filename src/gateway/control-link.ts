/** The gateway's way to control: its own calls (contract/internal), and the public API as one signed-in person, both over control's socket for us. */
import { fault, toFault } from '../core/errors.ts';
import { type Caller, type Client, type Fetch, makeCaller, makeClient } from '../client/client.ts';
import { internalPrefix, internalRoutes, type InternalRoutes } from '../contract/internal.ts';
import { makeNodeFetch } from '../transport/node-fetch.ts';

export interface ControlLink extends Caller<InternalRoutes> {
  /** The public API as the person of this credential. */
  clientFor(credential: string): Client;
}

export function makeControlLink(socketPath: string): ControlLink {
  const nodeFetch = makeNodeFetch({ socketPath });
  const options = { baseUrl: 'http://localhost', fetch: forPeople(nodeFetch) };
  const internal = makeCaller({ ...options, routes: internalRoutes, prefix: internalPrefix });
  return {
    call: async (name, ...args) => await internal.call(name, ...args),
    clientFor: (credential) => makeClient({ ...options, authorization: () => `Bearer ${credential}` }),
  };
}

/** Who reads it came in from somewhere: the path of a socket and how the host is started is nothing to them. */
function forPeople(fetch: Fetch): Fetch {
  return async (...args) =>
    await fetch(...args).catch((error: unknown) => {
      const { code, cause } = toFault(error);
      if (code !== 'control-unreachable') throw error;
      const why = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
      throw fault(code, `the manager of this host does not answer just now${why}: try again in a minute`, { cause: error });
    });
}
