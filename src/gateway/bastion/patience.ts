/**
 * What OpenSSH's own server bears and ssh2 hangs up at, so that clients which have only ever met OpenSSH's find nothing missing. Like `mlkem.ts` it reaches
 * into the one version of ssh2 that is pinned.
 */
import type { Connection } from 'ssh2';

/** An ssh2 `Protocol`: one side of one connection. */
interface Protocol {
  readonly _handlers: { SERVICE_REQUEST: (protocol: Protocol, service: string) => void };
  serviceAccept(service: string): void;
}

const signInService = 'ssh-userauth';

/** paramiko asks for the service of the sign-in again before each further try: the next key, the password after the key. */
export function bearServiceRequests(connection: Connection): void {
  const inside = connection as unknown as { readonly _protocol: Protocol; readonly authenticated: boolean };
  const { _handlers: handlers } = inside._protocol;
  const original = handlers.SERVICE_REQUEST;
  let isGranted = false;
  handlers.SERVICE_REQUEST = (protocol, service) => {
    if (isGranted && !inside.authenticated && service === signInService) return protocol.serviceAccept(service);
    isGranted = true;
    original(protocol, service);
  };
}
