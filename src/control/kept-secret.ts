/** Secrets that nobody chooses: drawn when they are first asked for, and the same ever after. */
import { randomBytes } from 'node:crypto';
import { Secret } from '../base/secret.ts';
import type { Keyring } from '../store/records.ts';

/** The 32 bytes of that name. */
export async function keptSecret(keyring: Keyring, name: string): Promise<Buffer> {
  const fresh = () => ({ privateKey: new Secret(randomBytes(32).toString('base64')), publicKey: '' });
  const { privateKey } = (await keyring.get(name)) ?? (await keyring.keep(name, fresh()));
  return Buffer.from(privateKey.reveal(), 'base64');
}
