/**
 * What a client sent to log in with a key, as it was on the wire: control checks that for itself. ssh2 has taken the signature apart by then, for its own
 * verification; here it is put together again. Where ssh2 did otherwise than it should, what comes out is no signature, and control refuses it.
 */
import type { PublicKeyAuthContext } from 'ssh2';
import { concatBytes, sshString } from '../../core/ssh-wire.ts';

export interface WireProof {
  readonly algorithm: string;
  readonly keyBlob: Buffer;
  readonly signedData: Buffer;
  readonly signature: Buffer;
}

/** Undefined where the client merely asks whether a key would do. */
export function wireProof({ key, hashAlgo, blob, signature }: PublicKeyAuthContext): WireProof | undefined {
  if (blob === undefined || signature === undefined) return undefined;
  const algorithm = key.algo === 'ssh-rsa' && hashAlgo !== undefined ? `rsa-sha2-${hashAlgo.replace('sha', '')}` : key.algo;
  return { algorithm, keyBlob: key.data, signedData: blob, signature: Buffer.from(wireSignature(algorithm, signature)) };
}

/** Bytes that a security key adds: its flags and its counter. */
const tokenBytes = 5;

function wireSignature(algorithm: string, signature: Buffer): Uint8Array {
  // Its signature names the plain algorithm, so that ssh2 takes nothing away.
  if (algorithm.endsWith('-cert-v01@openssh.com')) return signature;
  const name = sshString(algorithm);
  if (algorithm.startsWith('sk-')) {
    const end = Math.max(0, signature.length - tokenBytes);
    return concatBytes([name, sshString(signature.subarray(0, end)), signature.subarray(end)]);
  }
  return concatBytes([name, sshString(algorithm.startsWith('ecdsa-') ? numbersOf(signature) : signature)]);
}

/** ASN.1's SEQUENCE of two INTEGERs as SSH's two `mpint`s: the bytes of each are the same. */
function numbersOf(der: Buffer): Uint8Array {
  const begin = (der[1] ?? 0) > 127 ? 3 : 2;
  const first = der[begin + 1] ?? 0;
  const r = der.subarray(begin + 2, begin + 2 + first);
  return concatBytes([sshString(r), sshString(der.subarray(begin + 4 + first))]);
}
