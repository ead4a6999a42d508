/** The gateway's own SSH key: one more line in each admin's authorized_keys, which the owner can see and remove. The bastion logs in with it later. */
import { fault } from '../../core/errors.ts';
import type { Store } from '../../store/store.ts';
import { makeKeyPair } from '../host-key.ts';

const keyringName = 'gateway-ssh';
export const gatewayKeyComment = 'myserver-gateway';

/** Made at the first start, kept for ever after. */
export async function ensureGatewayKey(store: Store): Promise<void> {
  if ((await store.keyring.get(keyringName)) === undefined) await store.keyring.keep(keyringName, makeKeyPair(gatewayKeyComment));
}

/** One OpenSSH line. */
export async function gatewayKeyLine(store: Store): Promise<string> {
  const pair = await store.keyring.get(keyringName);
  if (pair === undefined) throw fault('internal', 'the gateway’s key was not made at start');
  return pair.publicKey;
}
