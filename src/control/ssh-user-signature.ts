/**
 * Signs the gateway's logins to servers with the gateway's own key. The key stays with control: the gateway process, which speaks with strangers, gets one
 * signature for one login, and only for what is a login of the user that control was asked about.
 */
import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import type { Secret } from '../base/secret.ts';
import { fault } from '../core/errors.ts';
import { concatBytes, SshReader, sshString } from '../core/ssh-wire.ts';
import { readUserauthRequest } from './ssh-userauth.ts';

const algorithm = 'ssh-ed25519';

export interface LoginToSign {
  /** As `makeKeyPair` writes it. */
  readonly privateKey: Secret;
  /** The user inside the server whose login this may be. */
  readonly user: string;
  /** What a server will check (RFC 4252, section 7). */
  readonly signedData: Uint8Array;
}

/** The signature as it is on the wire: the algorithm, then 64 bytes. Throws `bad-request` for anything but that user's login with that very key. */
export function signUserauth({ privateKey, user, signedData }: LoginToSign): Buffer {
  const { key, blob } = openPrivateKey(privateKey.reveal());
  const request = readUserauthRequest(signedData);
  if (request.user !== user)
    throw fault('bad-request', 'what is to be signed is the login of another user than the one that was asked about');
  if (request.algorithm !== algorithm || !Buffer.from(request.keyBlob).equals(blob))
    throw fault('bad-request', 'what is to be signed is a login with another key than the gateway’s own');
  return Buffer.from(concatBytes([sshString(algorithm), sshString(sign(null, signedData, key))]));
}

interface OpenedPrivateKey {
  readonly key: KeyObject;
  /** The public key on the wire. */
  readonly blob: Uint8Array;
}

/** OpenSSH's PROTOCOL.key, unencrypted, one Ed25519 key. Throws `internal`: the key is our own. */
function openPrivateKey(text: string): OpenedPrivateKey {
  const base64 = /^-----BEGIN OPENSSH PRIVATE KEY-----\n([\w+/=\n]+)\n-----END OPENSSH PRIVATE KEY-----\n$/u.exec(text)?.[1] ?? '';
  const reader = new SshReader(Buffer.from(base64, 'base64'));
  const magic = Buffer.from(reader.raw(15) ?? []).toString('latin1');
  const [cipher, derivation, options] = [reader.text(), reader.text(), reader.text()];
  const count = reader.uint32();
  const blob = reader.bytes();
  const inner = new SshReader(reader.bytes() ?? new Uint8Array());
  if (magic !== 'openssh-key-v1\0' || cipher !== 'none' || derivation !== 'none' || options !== '' || count !== 1) throw unreadable();
  const isWhole = reader.isAtEnd() && inner.uint32() === inner.uint32() && inner.text() === algorithm;
  const publicBytes = inner.bytes();
  const pair = inner.bytes();
  if (!isWhole || blob === undefined || publicBytes?.length !== 32 || pair?.length !== 64) throw unreadable();
  const jwk = { kty: 'OKP', crv: 'Ed25519', d: base64url(pair.subarray(0, 32)), x: base64url(publicBytes) };
  const key = createPrivateKey({ key: jwk, format: 'jwk' });
  const isPair = createPublicKey(key).export({ format: 'jwk' }).x === jwk.x;
  if (!isPair || !Buffer.from(concatBytes([sshString(algorithm), sshString(publicBytes)])).equals(blob)) throw unreadable();
  return { key, blob };
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}

function unreadable(): Error {
  return fault('internal', 'the gateway’s own key cannot be read');
}
