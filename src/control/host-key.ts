/** Ed25519 key pairs in OpenSSH's own formats, made and read without a child process. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { Secret } from '../base/secret.ts';
import type { ServerId } from '../core/ids.ts';
import type { PersonName } from '../core/names.ts';
import { sshString } from '../core/ssh-wire.ts';
import type { KeyPair } from '../store/records.ts';
import type { HostKey } from '../store/servers.ts';

const algorithm = 'ssh-ed25519';

/** The private key in the format of OpenSSH's PROTOCOL.key: unencrypted, one key, padded with 1, 2, 3... to the cipher's block of 8. */
function privateKeyText(publicBlob: Buffer, publicBytes: Buffer, seed: Buffer, comment: string): string {
  const check = randomBytes(4);
  const body = Buffer.concat([
    check,
    check,
    sshString(algorithm),
    sshString(publicBytes),
    sshString(Buffer.concat([seed, publicBytes])),
    sshString(comment),
  ]);
  const padding = Buffer.from(Array.from({ length: (8 - (body.length % 8)) % 8 }, (_none, index) => index + 1));
  const one = Buffer.from([0, 0, 0, 1]);
  const whole = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    sshString('none'),
    sshString('none'),
    sshString(''),
    one,
    sshString(publicBlob),
    sshString(Buffer.concat([body, padding])),
  ]);
  const lines = whole.toString('base64').match(/.{1,70}/gu) ?? [];
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join('\n')}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

interface Halves {
  readonly seed: Buffer;
  readonly publicBytes: Buffer;
}

function pairOf({ seed, publicBytes }: Halves, comment: string): KeyPair {
  const blob = blobOf(publicBytes);
  return { privateKey: new Secret(privateKeyText(blob, publicBytes, seed, comment)), publicKey: lineOf(blob, comment) };
}

function blobOf(publicBytes: Buffer): Buffer {
  return Buffer.concat([sshString(algorithm), sshString(publicBytes)]);
}

function lineOf(blob: Buffer, comment: string): string {
  return `${algorithm} ${blob.toString('base64')} ${comment}`;
}

/** The Ed25519 private key of a seed of 32 bytes. */
export function seedKey(seed: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([seedInPkcs8, seed]), format: 'der', type: 'pkcs8' });
}

/** The public half of an Ed25519 key, as on the wire (RFC 8709, section 4). */
export function publicBlobOf(key: KeyObject): Buffer {
  return blobOf(Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x ?? '', 'base64url'));
}

/** The public half of an Ed25519 key, as one OpenSSH line. */
export function publicLineOf(key: KeyObject, comment: string): string {
  return lineOf(publicBlobOf(key), comment);
}

export function makeKeyPair(comment: string): KeyPair {
  const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  return pairOf({ seed: Buffer.from(jwk.d ?? '', 'base64url'), publicBytes: Buffer.from(jwk.x ?? '', 'base64url') }, comment);
}

/** A key for the server with that ID, for `hostKeys.keep` to take or to leave. */
export function makeHostKey(owner: PersonName, id: ServerId): HostKey {
  return { owner, id, ...makeKeyPair(hostKeyComment(id)) };
}

/**
 * The host key that a server has inside, from the text of its file; undefined where that is no whole, unencrypted Ed25519 key. Whoever is root there wrote
 * the text: only the key itself is taken from it, and its public half is worked out anew.
 */
export function readHostKey(text: string, owner: PersonName, id: ServerId): HostKey | undefined {
  const halves = halvesOf(text);
  return halves === undefined ? undefined : { owner, id, ...pairOf(halves, hostKeyComment(id)) };
}

function hostKeyComment(id: ServerId): string {
  return `server-${id}`;
}

const wrapping = /^-----BEGIN OPENSSH PRIVATE KEY-----\s([A-Za-z\d+/=\s]{1,2000})-----END OPENSSH PRIVATE KEY-----\s*$/u;
/** What stands before the key in an unencrypted file with one key: magic, `none` for cipher and derivation, no options, one key. */
const beginning = Buffer.concat([Buffer.from('openssh-key-v1\0'), ...['none', 'none', ''].map(sshString), Buffer.from([0, 0, 0, 1])]);
/** PKCS #8 around a bare Ed25519 seed (RFC 8410, section 7). */
const seedInPkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex');

function halvesOf(text: string): Halves | undefined {
  const bytes = Buffer.from(wrapping.exec(text)?.[1] ?? '', 'base64');
  if (!bytes.subarray(0, beginning.length).equals(beginning)) return undefined;
  // After the public blob and two check numbers: algorithm, public half, seed with the public half again.
  const [, body] = stringsIn(bytes.subarray(beginning.length), 2);
  const [kind, publicBytes, both] = stringsIn(body?.subarray(8) ?? Buffer.alloc(0), 3);
  if (publicBytes === undefined || kind?.toString() !== algorithm || both?.length !== 64) return undefined;
  const seed = both.subarray(0, 32);
  return publicBlobOf(seedKey(seed)).equals(blobOf(publicBytes)) ? { seed, publicBytes } : undefined;
}

/** The first `count` SSH strings; fewer when the bytes end before. */
function stringsIn(bytes: Buffer, count: number): readonly Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; found.length < count && at + 4 <= bytes.length;) {
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) break;
    found.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return found;
}
