/**
 * What OpenSSH's own server bears and ssh2 hangs up at, so that clients which have only ever met OpenSSH's find nothing missing. Like `mlkem.ts` it reaches
 * into the one version of ssh2 that is pinned.
 */
import type { Connection } from 'ssh2';
import constants from 'ssh2/lib/protocol/constants.js';

/** An ssh2 `Protocol`: one side of one connection. */
export interface Protocol {
  readonly _handlers: { SERVICE_REQUEST: (protocol: Protocol, service: string) => void };
  readonly _skipNextInboundPacket: boolean;
  readonly _onPayload: (payload: Buffer) => unknown;
  readonly _decipher: { _onPayload: (payload: Buffer) => unknown };
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

/**
 * For each exchange of keys but the first, once ssh2 has begun it. RFC 4253 section 7.1 lets IGNORE, DEBUG and UNIMPLEMENTED come then, and asyncssh 2.10
 * sends its data on: all still under the old keys, so nothing is weaker for it. In the first exchange nothing is borne (the Terrapin attack lived on that).
 */
export function bearPacketsWhileKeysChange(protocol: Protocol): void {
  const { IGNORE, DEBUG, UNIMPLEMENTED, GLOBAL_REQUEST } = constants.MESSAGE;
  const strictly = protocol._decipher._onPayload;
  protocol._decipher._onPayload = (payload) => {
    // Nothing is compressed (algorithms.ts), so the first byte is the kind of message; those of channels come from 80 on (RFC 4250, section 4.1.1).
    const kind = payload[0] ?? 0;
    const isBorne = kind >= GLOBAL_REQUEST || [IGNORE, DEBUG, UNIMPLEMENTED].includes(kind);
    return isBorne && !protocol._skipNextInboundPacket ? protocol._onPayload(payload) : strictly(payload);
  };
}
