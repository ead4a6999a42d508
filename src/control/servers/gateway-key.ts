/** The gateway's own SSH key: one more line in each admin's authorized_keys, which the owner can see and remove. The bastion logs in with it later. */
import { fault } from '../../core/errors.ts';
import type { Store } from '../../store/store.ts';
import type { KeyPair } from '../../store/records.ts';
import { makeKeyPair } from '../host-key.ts';
import { signUserauth } from '../ssh-user-signature.ts';

const keyringName = 'gateway-ssh';
export const gatewayKeyComment = 'myserver-gateway';

/** Made at the first start, kept for ever after. */
export async function ensureGatewayKey(store: Store): Promise<void> {
  if ((await store.keyring.get(keyringName)) === undefined) await store.keyring.keep(keyringName, makeKeyPair(gatewayKeyComment));
}

/** One login of `user`, signed: the algorithm's name and 64 bytes, as on the wire. Throws `bad-request` for anything else. */
export async function signAsGateway(store: Store, user: string, signedData: Uint8Array): Promise<Buffer> {
  return signUserauth({ privateKey: (await pairOf(store)).privateKey, user, signedData });
}

/** One OpenSSH line. */
export async function gatewayKeyLine(store: Store): Promise<string> {
  return (await pairOf(store)).publicKey;
}

async function pairOf(store: Store): Promise<KeyPair> {
  const pair = await store.keyring.get(keyringName);
  if (pair === undefined) throw fault('internal', 'the gateway’s key was not made at start');
  return pair;
}
