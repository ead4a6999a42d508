/** Keys of every kind that sign logins, files and security keys alike, made by hand; certificates for them are made by `ssh-keygen -s`. */
import { createHash, generateKeyPairSync, type JsonWebKey, type KeyObject, sign } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { concatBytes, sshString } from '../core/ssh-wire.ts';
import { runProcess } from '../testing/run-process.ts';
import type { SshProof } from './ssh-proof.ts';

export interface Signer {
  /** Of its signatures. */
  readonly algorithm: string;
  readonly blob: Uint8Array;
  /** The public key as an OpenSSH line. */
  readonly line: string;
  /** On the wire. `flags`: a security key's, 1 for touched. */
  signature(data: Uint8Array, flags?: number): Uint8Array;
}

export const algorithms = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-256',
  'rsa-sha2-512',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
];

const bytes = (base64url: string | undefined) => Buffer.from(base64url ?? '', 'base64url');

export function mpint(value: Uint8Array): Uint8Array {
  let begin = 0;
  while (begin < value.length - 1 && value[begin] === 0) begin += 1;
  const short = value.subarray(begin);
  return sshString((short[0] ?? 0) > 127 ? concatBytes([Uint8Array.of(0), short]) : short);
}

function generate(algorithm: string, rsaBits: number): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  if (algorithm.includes('ed25519')) return generateKeyPairSync('ed25519');
  if (algorithm.includes('rsa')) return generateKeyPairSync('rsa', { modulusLength: rsaBits });
  return generateKeyPairSync('ec', { namedCurve: `P-${algorithm.match(/nistp(\d+)/u)?.[1] ?? ''}` });
}

function fields(algorithm: string, jwk: JsonWebKey): readonly Uint8Array[] {
  if (algorithm.includes('ed25519')) return [sshString(bytes(jwk.x))];
  if (algorithm.includes('rsa')) return [mpint(bytes(jwk.e)), mpint(bytes(jwk.n))];
  const curve = algorithm.match(/nistp\d+/u)?.[0] ?? '';
  return [sshString(curve), sshString(concatBytes([Uint8Array.of(4), bytes(jwk.x), bytes(jwk.y)]))];
}

export function makeSigner(algorithm: string, rsaBits = 2048): Signer {
  const { publicKey, privateKey } = generate(algorithm, rsaBits);
  const isToken = algorithm.startsWith('sk-');
  const type = algorithm.startsWith('rsa-') ? 'ssh-rsa' : algorithm;
  const application = isToken ? [sshString('ssh:')] : [];
  const blob = concatBytes([sshString(type), ...fields(algorithm, publicKey.export({ format: 'jwk' })), ...application]);
  const hash = algorithm.includes('ed25519')
    ? null
    : /512|p521/u.test(algorithm)
      ? 'sha512'
      : algorithm.includes('384')
        ? 'sha384'
        : 'sha256';
  const raw = (data: Uint8Array) => {
    if (!algorithm.includes('ecdsa')) return sign(hash, data, privateKey);
    const both = sign(hash, data, { key: privateKey, dsaEncoding: 'ieee-p1363' });
    return concatBytes([mpint(both.subarray(0, both.length / 2)), mpint(both.subarray(both.length / 2))]);
  };
  return {
    algorithm,
    blob,
    line: `${type} ${Buffer.from(blob).toString('base64')} someone`,
    signature(data, flags = 1) {
      if (!isToken) return concatBytes([sshString(algorithm), sshString(raw(data))]);
      const said = Uint8Array.of(flags, 0, 0, 0, 7);
      const digest = (value: Uint8Array | string) => createHash('sha256').update(value).digest();
      return concatBytes([sshString(algorithm), sshString(raw(concatBytes([digest('ssh:'), said, digest(data)]))), said]);
    },
  };
}

export const sessionId = createHash('sha256').update('a session').digest();

/** What a client signs to log in. */
export function userauth(user: string, algorithm: string, blob: Uint8Array): Uint8Array {
  const words = [sshString(user), sshString('ssh-connection'), sshString('publickey'), Uint8Array.of(1)];
  return concatBytes([sshString(sessionId), Uint8Array.of(50), ...words, sshString(algorithm), sshString(blob)]);
}

/** A login with the plain key, or with a certificate for it. */
export function prove(signer: Signer, user: string, certificate?: Uint8Array, flags?: number): SshProof {
  const algorithm = certificate === undefined ? signer.algorithm : `${signer.algorithm.replace('@openssh.com', '')}-cert-v01@openssh.com`;
  const keyBlob = certificate ?? signer.blob;
  const signedData = userauth(user, algorithm, keyBlob);
  return { algorithm, keyBlob, signedData, signature: signer.signature(signedData, flags) };
}

/** `ssh-keygen -s` with these options; the authority's private key is in the file. */
export async function certify(folder: string, authority: string, line: string, options: readonly string[]): Promise<Uint8Array> {
  const file = join(folder, 'subject');
  writeFileSync(`${file}.pub`, `${line}\n`);
  const { exitCode, stderr } = await runProcess(['ssh-keygen', '-q', '-s', authority, '-I', 'key id', ...options, `${file}.pub`]);
  if (exitCode !== 0) throw new Error(stderr);
  return Buffer.from(readFileSync(`${file}-cert.pub`, 'utf8').split(' ')[1] ?? '', 'base64');
}
