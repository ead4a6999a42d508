/** What is inside an SSH public key (RFC 4253 section 6.6, RFC 5656, RFC 8709, OpenSSH's PROTOCOL.u2f), and which keys we take. */
import { decodeBase64 } from './base64.ts';
import { fault } from './errors.ts';
import { shorten } from './ids.ts';
import { SshReader } from './ssh-wire.ts';

/** Below this an RSA key can be broken by those who try; OpenSSH's own RequiredRSASize default is lower for compatibility alone. */
const smallestRsaBits = 2048;
/** Beyond this a login costs seconds of CPU. OpenSSH's own limit (SSHBUF_MAX_BIGNUM). */
const largestRsaBits = 16_384;

/** Bytes of an uncompressed point, the form OpenSSH writes: 4, then both coordinates. */
const pointBytes: Readonly<Record<string, number>> = { nistp256: 65, nistp384: 97, nistp521: 133 };

type Check = (reader: SshReader) => string | undefined;

/** Each reads the whole of its key and says what is wrong, or undefined. */
const checks: Readonly<Record<string, Check>> = {
  'ssh-ed25519': checkEd25519,
  'ecdsa-sha2-nistp256': (reader) => checkEcdsa(reader, 'nistp256'),
  'ecdsa-sha2-nistp384': (reader) => checkEcdsa(reader, 'nistp384'),
  'ecdsa-sha2-nistp521': (reader) => checkEcdsa(reader, 'nistp521'),
  'ssh-rsa': checkRsa,
  'sk-ssh-ed25519@openssh.com': (reader) => checkEd25519(reader) ?? checkApplication(reader),
  'sk-ecdsa-sha2-nistp256@openssh.com': (reader) => checkEcdsa(reader, 'nistp256') ?? checkApplication(reader),
};

export function isKnownAlgorithm(algorithm: string): boolean {
  return Object.hasOwn(checks, algorithm);
}

/** The algorithm a blob says it is, or undefined when it is no blob. */
export function algorithmOfBlob(blob: string): string | undefined {
  const bytes = decodeBase64(blob);
  return bytes === undefined ? undefined : new SshReader(bytes).text();
}

/** Throws `bad-key` unless the blob is a whole key of that algorithm and one that we take. `where` begins the sentence: "line 2". */
export function checkKeyBlob(algorithm: string, blob: string, where: string): void {
  const bytes = decodeBase64(blob);
  if (algorithm === 'ssh-dss')
    throw bad(`${where} is a DSA key, which is too weak and no longer taken by SSH servers: make one with "ssh-keygen -t ed25519"`);
  if (algorithm.includes('-cert-v')) throw bad(`${where} is a certificate, not a key: give the public key that it was made for`);
  if (bytes === undefined) throw bad(`${where} is damaged: its base64 part is not whole; copy it again, all on one line`);
  checkKeyBytes(algorithm, bytes, where);
}

/** The same for a blob as it is on the wire. */
export function checkKeyBytes(algorithm: string, bytes: Uint8Array, where: string): void {
  const check = Object.hasOwn(checks, algorithm) ? checks[algorithm] : undefined;
  if (check === undefined) {
    const named = algorithm === '' ? 'no algorithm that we know' : `the algorithm "${shorten(algorithm)}"`;
    throw bad(`${where} has ${named}: make a key with "ssh-keygen -t ed25519"`);
  }
  const reader = new SshReader(bytes);
  if (reader.text() !== algorithm)
    throw bad(`${where} is damaged: it says ${algorithm}, but what follows is another kind of key; copy it again`);
  const objection = check(reader) ?? (reader.isAtEnd() ? undefined : 'is damaged: there is more in it than a key; copy it again');
  if (objection !== undefined) throw bad(`${where} ${objection}`);
}

function bad(sentence: string): Error {
  return fault('bad-key', sentence);
}

const cutShort = 'is damaged: it is not whole; copy it again';

function checkEd25519(reader: SshReader): string | undefined {
  return reader.bytes()?.length === 32 ? undefined : cutShort;
}

function checkEcdsa(reader: SshReader, curve: string): string | undefined {
  if (reader.text() !== curve) return cutShort;
  const point = reader.bytes();
  return point?.length === pointBytes[curve] && point?.[0] === 4 ? undefined : cutShort;
}

function checkApplication(reader: SshReader): string | undefined {
  const application = reader.bytes();
  return application !== undefined && application.length <= 1024 ? undefined : cutShort;
}

function checkRsa(reader: SshReader): string | undefined {
  const exponent = reader.bytes();
  const modulus = reader.bytes();
  if (exponent === undefined || modulus === undefined) return cutShort;
  const bits = bitsOf(modulus);
  const isOdd = ((exponent.at(-1) ?? 0) & 1) === 1 && ((modulus.at(-1) ?? 0) & 1) === 1;
  if (bitsOf(exponent) < 2 || bitsOf(exponent) > 64 || bits === 0 || !isOdd) return cutShort;
  if (bits < smallestRsaBits)
    return `is an RSA key of ${bits} bits, and fewer than ${smallestRsaBits} are too weak: make one with "ssh-keygen -t ed25519"`;
  if (bits > largestRsaBits)
    return `is an RSA key of ${bits} bits, and more than ${largestRsaBits} are too slow: make one with "ssh-keygen -t ed25519"`;
  return undefined;
}

/** Bits of a positive mpint (RFC 4251 section 5); 0 for one that is zero, negative or not in its shortest form. */
function bitsOf(mpint: Uint8Array): number {
  const [first = 0, second = 0] = mpint;
  if (first > 127 || (first === 0 && second < 128)) return 0;
  const bytes = first === 0 ? mpint.subarray(1) : mpint;
  return (bytes.length - 1) * 8 + (32 - Math.clz32(bytes[0] ?? 0));
}
