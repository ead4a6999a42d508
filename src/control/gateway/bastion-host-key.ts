/** The bastion's own host key: made once, kept for ever, so that people trust one key once. Ed25519 alone: every client of the last ten years knows it. */
import type { KeyPair, Keyring } from '../../store/records.ts';
import { makeKeyPair } from '../host-key.ts';

const name = 'bastion-host-key';

export async function bastionHostKey(keyring: Keyring): Promise<KeyPair> {
  return (await keyring.get(name)) ?? (await keyring.keep(name, makeKeyPair('myserver-bastion')));
}
