/**
 * The gateway's own SSH keys: one for each generation, one more line in its admin's authorized_keys, which the owner can see, remove and put back. A
 * signature that lets somebody into one server is worth nothing at another, whoever asks for it: no other server knows that key. None is kept; each is
 * worked out of one secret that control keeps (HKDF, RFC 5869).
 */
import { hkdfSync, type KeyObject } from 'node:crypto';
import type { Generation } from '../../core/ids.ts';
import type { Store } from '../../store/store.ts';
import type { ServerRecord } from '../../store/servers.ts';
import { publicLineOf, seedKey } from '../host-key.ts';
import { keptSecret } from '../kept-secret.ts';
import { signUserauth } from '../ssh-user-signature.ts';

const keyringName = 'gateway-keys';
export const gatewayKeyComment = 'myserver-gateway';

/** One login of the admin of that server, signed: the algorithm's name and 64 bytes, as on the wire. Throws `bad-request` for anything else. */
export async function signAsGateway(store: Store, record: ServerRecord, signedData: Uint8Array): Promise<Buffer> {
  return signUserauth({ key: await keyOf(store, record.generation), user: record.admin, signedData });
}

/** One OpenSSH line. */
export async function gatewayKeyLine(store: Store, generation: Generation): Promise<string> {
  return publicLineOf(await keyOf(store, generation), gatewayKeyComment);
}

async function keyOf({ keyring }: Store, generation: Generation): Promise<KeyObject> {
  const secret = await keptSecret(keyring, keyringName);
  return seedKey(Buffer.from(hkdfSync('sha256', secret, '', `${keyringName} ${generation}`, 32)));
}
