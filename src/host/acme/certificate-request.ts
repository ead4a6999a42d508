import { generateKeyPairSync, sign } from 'node:crypto';
import { bits, der, objectId, octets, sequence, setOf } from './der.ts';

export interface CertificateRequest {
  /** PKCS #10 in DER (RFC 2986). */
  readonly request: Buffer;
  /** PEM, PKCS #8. */
  readonly keyPem: string;
}

/** For these names of the DNS, with a fresh key of its own (ECDSA, P-256). */
export function makeCertificateRequest(names: readonly string[]): CertificateRequest {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const alternatives = sequence(...names.map((name) => der(0x82, Buffer.from(name, 'ascii'))));
  const extensions = sequence(sequence(objectId('2.5.29.17'), octets(alternatives)));
  const wanted = sequence(objectId('1.2.840.113549.1.9.14'), setOf(extensions));
  const info = sequence(der(0x02, Buffer.from([0])), sequence(), publicKey.export({ type: 'spki', format: 'der' }), der(0xa0, wanted));
  const request = sequence(info, sequence(objectId('1.2.840.10045.4.3.2')), bits(sign('sha256', info, privateKey)));
  return { request, keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}
