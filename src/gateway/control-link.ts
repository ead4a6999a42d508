/** The gateway's way to control: its own calls (contract/internal), and the public API as one signed-in person, both over control's socket for us. */
import { type Caller, type Client, makeCaller, makeClient } from '../client/client.ts';
import { internalPrefix, internalRoutes, type InternalRoutes } from '../contract/internal.ts';
import { makeNodeFetch } from '../transport/node-fetch.ts';

export interface ControlLink extends Caller<InternalRoutes> {
  /** The public API as the person of this credential. */
  clientFor(credential: string): Client;
}

export function makeControlLink(socketPath: string): ControlLink {
  const options = { baseUrl: 'http://localhost', fetch: makeNodeFetch({ socketPath }) };
  const internal = makeCaller({ ...options, routes: internalRoutes, prefix: internalPrefix });
  return {
    call: async (name, ...args) => await internal.call(name, ...args),
    clientFor: (credential) => makeClient({ ...options, authorization: () => `Bearer ${credential}` }),
  };
}
