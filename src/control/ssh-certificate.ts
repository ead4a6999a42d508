/** OpenSSH's certificates for people's keys (its PROTOCOL.certkeys): what one says, and whether to believe it. */
import { BlockList, isIP } from 'node:net';
import { fault } from '../core/errors.ts';
import { encodeBase64 } from '../core/base64.ts';
import { shorten } from '../core/ids.ts';
import { checkKeyBytes } from '../core/ssh-key-blob.ts';
import { parsePublicKeys } from '../core/ssh-key.ts';
import { concatBytes, SshReader, sshString } from '../core/ssh-wire.ts';
import { checkSshSignature, keyTypes } from './ssh-signature.ts';
import { utf8 } from './ssh-userauth.ts';

export const certificateSuffix = '-cert-v01@openssh.com';

export interface SshCertificate {
  /** Of the plain key: `ssh-ed25519`. */
  readonly keyType: string;
  /** The plain public key that the certificate was made for. */
  readonly key: Uint8Array;
  readonly type: 'user' | 'host';
  readonly keyId: string;
  readonly serial: bigint;
  readonly principals: readonly string[];
  /** Seconds since 1970: from then on, and until before then. For ever is 2^64 - 1. */
  readonly validAfter: number;
  readonly validBefore: number;
  /** By name, each with its value: `source-address` with `10.0.0.0/8`. */
  readonly criticalOptions: ReadonlyMap<string, string>;
  /** What it allows: `permit-pty`, `permit-port-forwarding`. Whoever lets the person in has to keep to it. */
  readonly extensions: ReadonlyMap<string, string>;
  readonly authorityKey: Uint8Array;
  /** What the authority signed, and its signature. */
  readonly signedPart: Uint8Array;
  readonly signature: Uint8Array;
}

/** The fields of each type of key that stand in the middle of its certificate. */
const fieldsOfKey: ReadonlyMap<string, number> = new Map([
  ['ssh-ed25519', 1],
  ['ecdsa-sha2-nistp256', 2],
  ['ecdsa-sha2-nistp384', 2],
  ['ecdsa-sha2-nistp521', 2],
  ['ssh-rsa', 2],
  ['sk-ssh-ed25519@openssh.com', 2],
  ['sk-ecdsa-sha2-nistp256@openssh.com', 3],
]);
const keyTypeOf: ReadonlyMap<string, string> = new Map(
  [...fieldsOfKey.keys()].map((type) => [type.replace(/@openssh\.com$/u, '') + certificateSuffix, type]),
);

/** OpenSSH's own limit (SSHKEY_CERT_MAX_PRINCIPALS). */
const mostEntries = 256;
const typeNames: Readonly<Record<number, 'user' | 'host'>> = { 1: 'user', 2: 'host' };

/** What a certificate says; whether it is genuine is for `checkCertificate`. Throws `bad-key`. */
export function readCertificate(blob: Uint8Array): SshCertificate {
  const reader = new SshReader(blob);
  const keyType = keyTypeOf.get(reader.text() ?? '');
  reader.bytes(); // A nonce.
  const keyBegin = reader.position();
  for (let left = fieldsOfKey.get(keyType ?? '') ?? 0; left > 0; left -= 1) reader.bytes();
  const keyEnd = reader.position();
  const serial = reader.uint64();
  const type = typeNames[reader.uint32() ?? 0];
  const keyId = utf8(reader.bytes());
  const principals = readPrincipals(reader.bytes());
  const [validAfter, validBefore] = [reader.uint64(), reader.uint64()];
  const criticalOptions = readOptions(reader.bytes());
  const extensions = readOptions(reader.bytes());
  reader.bytes(); // Reserved.
  const authorityKey = reader.bytes();
  const signedEnd = reader.position();
  const signature = reader.bytes();
  if (keyType === undefined || type === undefined || serial === undefined || keyId === undefined || principals === undefined)
    throw damaged();
  if (validAfter === undefined || validBefore === undefined || criticalOptions === undefined || extensions === undefined) throw damaged();
  if (authorityKey === undefined || signature === undefined || !reader.isAtEnd()) throw damaged();
  const key = concatBytes([sshString(keyType), blob.subarray(keyBegin, keyEnd)]);
  checkKeyBytes(keyType, key, 'the key in the certificate');
  const [from, until] = [Number(validAfter), Number(validBefore)];
  const said = { keyType, key, type, keyId, serial, principals, validAfter: from, validBefore: until, criticalOptions, extensions };
  return { ...said, authorityKey, signature, signedPart: blob.subarray(0, signedEnd) };
}

function readPrincipals(bytes: Uint8Array | undefined): readonly string[] | undefined {
  if (bytes === undefined) return undefined;
  const reader = new SshReader(bytes);
  const names: string[] = [];
  while (!reader.isAtEnd()) {
    const name = utf8(reader.bytes());
    if (name === undefined || names.length === mostEntries) return undefined;
    names.push(name);
  }
  return names;
}

/** Pairs of a name and a string that is empty or holds one string; no name twice. */
function readOptions(bytes: Uint8Array | undefined): ReadonlyMap<string, string> | undefined {
  if (bytes === undefined) return undefined;
  const reader = new SshReader(bytes);
  const options = new Map<string, string>();
  while (!reader.isAtEnd()) {
    const name = utf8(reader.bytes());
    const data = reader.bytes();
    if (name === undefined || data === undefined || options.has(name) || options.size === mostEntries) return undefined;
    const inner = new SshReader(data);
    const value = data.length === 0 ? '' : utf8(inner.bytes());
    if (value === undefined || !inner.isAtEnd()) return undefined;
    options.set(name, value);
  }
  return options;
}

function damaged(): Error {
  return fault('bad-key', 'the certificate is damaged, or of a kind that is not taken: sign the key again with "ssh-keygen -s"');
}

export interface CertificateCheck {
  /** Public keys of authorities, each as an OpenSSH line. */
  readonly authorities: readonly string[];
  readonly person: string;
  readonly nowMs: number;
  /** Where the person comes from, as an IP address. */
  readonly fromAddress: string;
  /** From the proof of the login. */
  readonly isUserVerified?: boolean;
}

/**
 * Returns when the certificate lets this person in from there, now. Throws `not-signed-in` or `bad-key` for what no authority here signed, and `not-allowed`
 * for what one did: the reason is for the eyes of whoever holds it, who else would not know what to have changed.
 */
export function checkCertificate(certificate: SshCertificate, check: CertificateCheck): void {
  if (!isOfAuthority(certificate.authorityKey, check.authorities)) throw refused('was signed by a key that is no authority here');
  checkAuthoritySignature(certificate);
  if (certificate.type !== 'user') throw forbidden('is for a host, not for a person');
  if (!certificate.principals.includes(check.person)) {
    const names = certificate.principals.slice(0, 5).map((name) => `"${shorten(name)}"`);
    throw forbidden(`is for ${names.length === 0 ? 'nobody by name' : names.join(', ')}, not for "${shorten(check.person)}"`);
  }
  const now = Math.floor(check.nowMs / 1000);
  if (now < certificate.validAfter) throw forbidden('is not valid yet');
  if (now >= certificate.validBefore) throw forbidden('is no longer valid: have the key signed again');
  for (const [name, value] of certificate.criticalOptions) checkOption(name, value, check);
}

function isOfAuthority(key: Uint8Array, lines: readonly string[]): boolean {
  const blob = encodeBase64(key);
  return lines.flatMap((line) => parsePublicKeys(line).keys).some((authority) => authority.blob === blob);
}

function checkAuthoritySignature({ authorityKey, signedPart, signature }: SshCertificate): void {
  const keyType = new SshReader(authorityKey).text() ?? '';
  const algorithm = new SshReader(signature).text() ?? '';
  if (keyType.startsWith('sk-')) throw refused('was signed with a security key, which is not taken of an authority');
  if (keyTypes.get(algorithm) !== keyType)
    throw refused(
      `is signed as "${shorten(algorithm)}", which is too weak or not what its authority’s key makes: sign it with "-t rsa-sha2-512"`,
    );
  checkSshSignature({ key: authorityKey, algorithm, data: signedPart, signature });
}

/** A critical option that is not understood forbids the login: that is what it is for. */
function checkOption(name: string, value: string, check: CertificateCheck): void {
  if (name === 'source-address') {
    if (!isWithin(check.fromAddress, value)) throw forbidden(`may be used only from ${shorten(value)}, and this comes from elsewhere`);
  } else if (name === 'verify-required') {
    if (check.isUserVerified !== true) throw forbidden('asks for a security key that was given its PIN or a fingerprint');
  } else if (name === 'force-command') {
    throw forbidden('is for one command alone ("force-command"), which is not offered here');
  } else {
    throw forbidden(`has a condition that is not known here: "${shorten(name)}"`);
  }
}

/** `ranges` as in OpenSSH's `source-address`: addresses and CIDR ranges with commas between. One that cannot be read admits nobody. */
function isWithin(address: string, ranges: string): boolean {
  const list = new BlockList();
  for (const range of ranges.split(',')) {
    const [net = '', bits, ...more] = range.split('/');
    const family = isIP(net);
    if (family === 0 || more.length > 0 || (bits !== undefined && !/^\d{1,3}$/u.test(bits))) return false;
    const longest = family === 4 ? 32 : 128;
    const prefix = bits === undefined ? longest : Number(bits);
    if (prefix > longest) return false;
    list.addSubnet(net, prefix, family === 4 ? 'ipv4' : 'ipv6');
  }
  const plain = address.replace(/^::ffff:(?=\d+\.)/iu, '').replace(/%.*$/su, '');
  const family = isIP(plain);
  return family !== 0 && list.check(plain, family === 4 ? 'ipv4' : 'ipv6');
}

function refused(why: string): Error {
  return fault('not-signed-in', `the certificate ${why}`);
}

function forbidden(why: string): Error {
  return fault('not-allowed', `the certificate ${why}`);
}
