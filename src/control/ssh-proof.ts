/**
 * Whether an SSH login with a key is genuine. The gateway, which speaks with strangers, hands over what came in, and control finds out for itself who holds
 * which key: a gateway that was taken over can at most pass on proofs that people gave it.
 */
import { fault } from '../core/errors.ts';
import { checkSshSignature, keyTypes } from './ssh-signature.ts';
import { certificateSuffix, readCertificate, type SshCertificate } from './ssh-certificate.ts';
import { readUserauthRequest } from './ssh-userauth.ts';

/** All as they are on the wire. */
export interface SshProof {
  readonly algorithm: string;
  readonly keyBlob: Uint8Array;
  /** What the client signed (RFC 4252, section 7). */
  readonly signedData: Uint8Array;
  readonly signature: Uint8Array;
}

export interface Proved {
  readonly user: string;
  readonly sessionId: Uint8Array;
  /** The plain public key whose private part the person holds; of a certificate, the key that it was made for. */
  readonly key: Uint8Array;
  /** What a certificate for that key says. Nobody has believed it yet: `checkCertificate`. */
  readonly certificate?: SshCertificate;
  /** A security key had asked for a PIN or a fingerprint. */
  readonly isUserVerified: boolean;
}

/** Throws `bad-request`, `bad-key` or `not-signed-in`, and nothing else. */
export function checkSshProof({ algorithm, keyBlob, signedData, signature }: SshProof): Proved {
  const request = readUserauthRequest(signedData);
  if (request.algorithm !== algorithm || !Buffer.from(request.keyBlob).equals(keyBlob))
    throw fault('bad-request', 'what was signed names another key than the one that is shown');
  const signatureAlgorithm = certified.get(algorithm);
  const certificate = signatureAlgorithm === undefined ? undefined : readCertificate(keyBlob);
  if (certificate !== undefined && certificate.keyType !== keyTypes.get(signatureAlgorithm ?? ''))
    throw fault('bad-request', `the certificate is for a key of ${certificate.keyType}, which does not sign as ${algorithm}`);
  const key = certificate?.key ?? keyBlob;
  const { isUserVerified } = checkSshSignature({ key, algorithm: signatureAlgorithm ?? algorithm, data: signedData, signature });
  const { user, sessionId } = request;
  return { user, sessionId, key, isUserVerified, ...(certificate === undefined ? {} : { certificate }) };
}

/** The algorithms under which a certificate is shown, and that of the signature each comes with. */
const certified: ReadonlyMap<string, string> = new Map(
  [...keyTypes.keys()].map((name) => [name.replace(/@openssh\.com$/u, '') + certificateSuffix, name]),
);
