/**
 * Signs the gateway's logins to servers with the gateway's own keys. They stay with control: the gateway process, which speaks with strangers, gets one
 * signature for one login, and only for what is a login of the user that control was asked about.
 */
import { type KeyObject, sign } from 'node:crypto';
import { fault } from '../core/errors.ts';
import { concatBytes, sshString } from '../core/ssh-wire.ts';
import { publicBlobOf } from './host-key.ts';
import { readUserauthRequest } from './ssh-userauth.ts';

const algorithm = 'ssh-ed25519';

export interface LoginToSign {
  /** An Ed25519 private key. */
  readonly key: KeyObject;
  /** The user inside the server whose login this may be. */
  readonly user: string;
  /** What a server will check (RFC 4252, section 7). */
  readonly signedData: Uint8Array;
}

/** The signature as it is on the wire: the algorithm, then 64 bytes. Throws `bad-request` for anything but that user's login with that very key. */
export function signUserauth({ key, user, signedData }: LoginToSign): Buffer {
  const request = readUserauthRequest(signedData);
  if (request.user !== user)
    throw fault('bad-request', 'what is to be signed is the login of another user than the one that was asked about');
  if (request.algorithm !== algorithm || !Buffer.from(request.keyBlob).equals(publicBlobOf(key)))
    throw fault('bad-request', 'what is to be signed is a login with another key than the gateway’s own for that server');
  return Buffer.from(concatBytes([sshString(algorithm), sshString(sign(null, signedData, key))]));
}
