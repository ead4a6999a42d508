/** A certificate and its key from two files, as ACME clients and administrators leave them. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { messageOf } from '../../base/fault.ts';
import { fault } from '../../core/errors.ts';
import type { WebCertificate } from '../../core/web-certificate.ts';

export interface CertificateFiles {
  /** PEM, the leaf first. */
  readonly chain: string;
  /** PEM, without a passphrase. */
  readonly key: string;
}

export interface HeldCertificate extends WebCertificate {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Throws `bad-configuration` with the file that is at fault. */
export async function readCertificate({ chain: chainPath, key: keyPath }: CertificateFiles): Promise<HeldCertificate> {
  const chain = await read(chainPath);
  const key = await read(keyPath);
  const leaf = attempt(`${chainPath} does not begin with a certificate in PEM`, () => new X509Certificate(chain));
  const privateKey = attempt(`${keyPath} is no private key in PEM without a passphrase`, () => createPrivateKey(key));
  if (!leaf.checkPrivateKey(privateKey))
    throw fault('bad-configuration', `the key in ${keyPath} is not the one of the certificate in ${chainPath}`);
  return { names: namesOf(leaf), chain, key, notBeforeMs: Date.parse(leaf.validFrom), notAfterMs: Date.parse(leaf.validTo) };
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw fault('bad-configuration', `the certificate's file ${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function attempt<T>(complaint: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw fault('bad-configuration', complaint, { cause });
  }
}

/** RFC 5280, section 4.2.1.6: `DNS:a.example, IP Address:192.0.2.1`. */
function namesOf({ subjectAltName = '' }: X509Certificate): readonly string[] {
  return subjectAltName.split(', ').flatMap((entry) => {
    const [, name = ''] = /^(?:DNS|IP Address):([\w.*:-]+)$/u.exec(entry) ?? [];
    return name === '' || (name.includes(':') && isIP(name) === 0) ? [] : [name.toLowerCase()];
  });
}
