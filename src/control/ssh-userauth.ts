/** What an SSH client signs to log in with a key (RFC 4252, section 7). Read strictly: what is signed here must never be readable as anything else. */
import { fault } from '../core/errors.ts';
import { SshReader } from '../core/ssh-wire.ts';

export interface UserauthRequest {
  /** The hash of the first exchange of keys: of this one connection and no other. */
  readonly sessionId: Uint8Array;
  readonly user: string;
  readonly algorithm: string;
  /** A public key or a certificate. */
  readonly keyBlob: Uint8Array;
}

const userauthRequest = 50;
/** Bytes of SHA-256 to SHA-512: what the exchanges of keys hash with. */
const shortestSession = 32;
const longestSession = 64;
const longestUser = 255;
/** A certificate of the longest RSA key by another such key has about 7,000; an SSH packet has 35,000 at most. */
const longestRequest = 35_000;

/** Throws `bad-request` unless the data is such a request whole, and nothing beside. */
export function readUserauthRequest(signedData: Uint8Array): UserauthRequest {
  if (signedData.length > longestRequest) throw bad(`it has ${signedData.length} bytes`);
  const reader = new SshReader(signedData);
  const sessionId = reader.bytes();
  if (sessionId === undefined || sessionId.length < shortestSession || sessionId.length > longestSession) throw bad('its session is none');
  if (reader.byte() !== userauthRequest) throw bad('it is another message');
  const user = utf8(reader.bytes());
  if (user === undefined || user.length > longestUser) throw bad('its user name is none');
  if (reader.text() !== 'ssh-connection') throw bad('it is for another service');
  if (reader.text() !== 'publickey' || reader.byte() !== 1) throw bad('it is for another way of logging in');
  const algorithm = reader.text();
  const keyBlob = reader.bytes();
  if (algorithm === undefined || keyBlob === undefined || !reader.isAtEnd()) throw bad('it is not whole, or there is more in it');
  return { sessionId, user, algorithm, keyBlob };
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Undefined for what is no UTF-8. */
export function utf8(bytes: Uint8Array | undefined): string | undefined {
  try {
    return bytes === undefined ? undefined : decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

function bad(why: string): Error {
  return fault('bad-request', `what was signed is no SSH login: ${why}`);
}
