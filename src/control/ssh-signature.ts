/**
 * Whether an SSH signature is genuine, for every kind of key that we take: RFC 8709 (Ed25519), RFC 5656 (ECDSA), RFC 8332 (RSA with SHA-2; SHA-1 is refused)
 * and OpenSSH's PROTOCOL.u2f (security keys). Everything here may come from a stranger: what is wrong with it becomes a fault, whatever it is.
 */
import { createHash, createPublicKey, type JsonWebKey, type KeyObject, verify } from 'node:crypto';
import { fault } from '../core/errors.ts';
import { shorten } from '../core/ids.ts';
import { checkKeyBytes } from '../core/ssh-key-blob.ts';
import { concatBytes, SshReader } from '../core/ssh-wire.ts';

export interface Signed {
  /** A plain public key as it is on the wire, never a certificate. */
  readonly key: Uint8Array;
  /** Of the signature: `rsa-sha2-512`, where the key says `ssh-rsa`. */
  readonly algorithm: string;
  readonly data: Uint8Array;
  /** As it is on the wire: the algorithm, the signature, and what a security key adds. */
  readonly signature: Uint8Array;
}

/** What a security key says of the moment it signed in. */
export interface Genuine {
  /** It had asked for a PIN or a fingerprint. False for keys that are files. */
  readonly isUserVerified: boolean;
}

interface Scheme {
  readonly keyType: string;
  readonly hash: string | null;
  /** Bytes of a coordinate, for ECDSA. */
  readonly width?: number;
  /** OpenSSH's security keys: what they sign is not the data itself. */
  readonly isToken?: true;
}

const schemes: Readonly<Record<string, Scheme>> = {
  'ssh-ed25519': { keyType: 'ssh-ed25519', hash: null },
  'ecdsa-sha2-nistp256': { keyType: 'ecdsa-sha2-nistp256', hash: 'sha256', width: 32 },
  'ecdsa-sha2-nistp384': { keyType: 'ecdsa-sha2-nistp384', hash: 'sha384', width: 48 },
  'ecdsa-sha2-nistp521': { keyType: 'ecdsa-sha2-nistp521', hash: 'sha512', width: 66 },
  'rsa-sha2-512': { keyType: 'ssh-rsa', hash: 'sha512' },
  'rsa-sha2-256': { keyType: 'ssh-rsa', hash: 'sha256' },
  'sk-ssh-ed25519@openssh.com': { keyType: 'sk-ssh-ed25519@openssh.com', hash: null, isToken: true },
  'sk-ecdsa-sha2-nistp256@openssh.com': { keyType: 'sk-ecdsa-sha2-nistp256@openssh.com', hash: 'sha256', width: 32, isToken: true },
};

/** The signature algorithms that are taken, and the type of key each belongs to. */
export const keyTypes: ReadonlyMap<string, string> = new Map(Object.entries(schemes).map(([name, { keyType }]) => [name, keyType]));

/** No signature of the longest RSA key is as long; a longer one is not looked at. */
const longestSignature = 4096;

/** Bits of a security key's flags (WebAuthn, section 6.1). */
const userPresent = 1;
const userVerified = 4;

/** Throws `bad-key` for a key that is none or that we do not take, `bad-request` for a signature that is none, `not-signed-in` for one that is not genuine. */
export function checkSshSignature({ key, algorithm, data, signature }: Signed): Genuine {
  const scheme = Object.hasOwn(schemes, algorithm) ? schemes[algorithm] : undefined;
  if (scheme === undefined) throw unknownAlgorithm(algorithm);
  checkKeyBytes(scheme.keyType, key, 'the key');
  const reader = new SshReader(signature);
  const named = reader.text();
  const bare = reader.bytes();
  const flags = scheme.isToken === true ? reader.byte() : 0;
  const counter = scheme.isToken === true ? reader.raw(4) : new Uint8Array();
  if (signature.length > longestSignature || named === undefined || bare === undefined || flags === undefined || !reader.isAtEnd())
    throw fault('bad-request', 'the signature is damaged: it is not whole, or has more in it than a signature');
  if (named !== algorithm)
    throw fault(
      'bad-request',
      `the signature says "${shorten(named)}", and what was asked for is "${algorithm}": they have to be the same`,
    );
  const { publicKey, application } = openKey(scheme.keyType, key);
  const isToken = scheme.isToken === true;
  const message = isToken ? concatBytes([sha256(application), Uint8Array.of(flags), counter ?? new Uint8Array(), sha256(data)]) : data;
  if (!isGenuine({ scheme, publicKey, message, bare })) throw fault('not-signed-in', 'the signature is not one that this key made of this');
  if (isToken && (flags & userPresent) === 0) throw fault('not-signed-in', 'the security key was not touched: it has to be, at each login');
  return { isUserVerified: isToken && (flags & userVerified) !== 0 };
}

function unknownAlgorithm(algorithm: string): Error {
  if (algorithm === 'ssh-rsa' || algorithm === 'ssh-rsa-cert-v01@openssh.com')
    return fault(
      'bad-request',
      'ssh-rsa signs with SHA-1, which is broken: rsa-sha2-512 is what OpenSSH from 7.2 and PuTTY from 0.75 on use',
    );
  return fault('bad-request', `"${shorten(algorithm)}" is no signature algorithm that is taken: use an Ed25519, ECDSA or RSA key`);
}

interface Made {
  readonly scheme: Scheme;
  readonly publicKey: KeyObject;
  readonly message: Uint8Array;
  readonly bare: Uint8Array;
}

function isGenuine({ scheme, publicKey, message, bare }: Made): boolean {
  const { hash, width } = scheme;
  try {
    if (width !== undefined) {
      const both = coordinates(bare, width);
      return both !== undefined && verify(hash, message, { key: publicKey, dsaEncoding: 'ieee-p1363' }, both);
    }
    return verify(hash, message, publicKey, hash === null ? bare : padded(bare, publicKey));
  } catch {
    return false;
  }
}

/** Some write an RSA signature without its leading zeros (RFC 8332, section 3). */
function padded(bare: Uint8Array, publicKey: KeyObject): Uint8Array {
  const missing = Math.ceil((publicKey.asymmetricKeyDetails?.modulusLength ?? 0) / 8) - bare.length;
  return missing > 0 ? concatBytes([new Uint8Array(missing), bare]) : bare;
}

/** `mpint r`, `mpint s` (RFC 5656, section 3.1.2) as two numbers of one width. */
function coordinates(bare: Uint8Array, width: number): Uint8Array | undefined {
  const reader = new SshReader(bare);
  const r = fixedWidth(reader.bytes(), width);
  const s = fixedWidth(reader.bytes(), width);
  return r === undefined || s === undefined || !reader.isAtEnd() ? undefined : concatBytes([r, s]);
}

/** Undefined for what is negative, too long or not in its shortest form: else one signature could be written in many ways. */
function fixedWidth(mpint: Uint8Array | undefined, width: number): Uint8Array | undefined {
  const [first = 0, second = 0] = mpint ?? [];
  if (mpint === undefined || mpint.length === 0 || first > 127 || (first === 0 && second < 128)) return undefined;
  const bytes = withoutSign(mpint);
  return bytes.length > width ? undefined : concatBytes([new Uint8Array(width - bytes.length), bytes]);
}

function withoutSign(mpint: Uint8Array): Uint8Array {
  return mpint[0] === 0 ? mpint.subarray(1) : mpint;
}

const curves: Readonly<Record<string, string>> = { nistp256: 'P-256', nistp384: 'P-384', nistp521: 'P-521' };

interface OpenedKey {
  readonly publicKey: KeyObject;
  /** A security key's `application`, such as `ssh:`. */
  readonly application: Uint8Array;
}

/** `key` has been checked to be whole. Whether its numbers are a key (a point on the curve) is seen here. */
function openKey(keyType: string, key: Uint8Array): OpenedKey {
  const reader = new SshReader(key);
  reader.text();
  const jwk = readJwk(keyType, reader);
  try {
    return { publicKey: createPublicKey({ key: jwk, format: 'jwk' }), application: reader.bytes() ?? new Uint8Array() };
  } catch (cause) {
    throw fault('bad-key', 'the key is damaged: its numbers are not those of a key; copy it again', { cause });
  }
}

function readJwk(keyType: string, reader: SshReader): JsonWebKey {
  const next = () => reader.bytes() ?? new Uint8Array();
  if (keyType.includes('ed25519')) return { kty: 'OKP', crv: 'Ed25519', x: base64url(next()) };
  if (keyType === 'ssh-rsa') {
    const e = withoutSign(next());
    return { kty: 'RSA', e: base64url(e), n: base64url(withoutSign(next())) };
  }
  const curve = reader.text() ?? '';
  const point = next().subarray(1);
  const half = point.length / 2;
  return { kty: 'EC', crv: curves[curve] ?? '', x: base64url(point.subarray(0, half)), y: base64url(point.subarray(half)) };
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}
