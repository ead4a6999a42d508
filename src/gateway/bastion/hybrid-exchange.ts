/**
 * The arithmetic of the SSH key exchange `mlkem768x25519-sha256` (draft-ietf-sshm-mlkem-hybrid-kex): ML-KEM-768 and X25519 side by side, so that what is
 * recorded today stays closed even when one of the two has been broken. Knows nothing of packets.
 */
import { createHash, createPublicKey, decapsulate, diffieHellman, encapsulate, generateKeyPairSync, type KeyObject } from 'node:crypto';

const kemKeyBytes = 1184;
const kemCiphertextBytes = 1088;
const curveKeyBytes = 32;

/** What stands before the bare key in a SubjectPublicKeyInfo (RFC 9935 section 4, RFC 8410 section 4). */
const kemPrefix = Buffer.from('308204b2300b0609608648016503040402038204a100', 'hex');
const curvePrefix = Buffer.from('302a300506032b656e032100', 'hex');

/** One side of one exchange. */
export interface Side {
  /** What this side sends: of the client before all, of the server once `secret` has been asked for. */
  message(): Buffer;
  /** K: 32 bytes, which go into the exchange as a `string`. Throws at anything but a whole and honest message of the other side. */
  secret(other: Buffer): Buffer;
}

interface ClientKeys {
  readonly kem: KeyObject;
  readonly curve: KeyObject;
}

/** Sends the ML-KEM key and the X25519 key, and gets the ciphertext and the other X25519 key. `keys`: private ones, given by a test alone. */
export function clientSide(keys: ClientKeys = makeClientKeys()): Side {
  const publicKeys = [bareKey(createPublicKey(keys.kem), kemKeyBytes), bareKey(createPublicKey(keys.curve), curveKeyBytes)];
  return {
    message: () => Buffer.concat(publicKeys),
    secret(other) {
      const [ciphertext, theirKey] = cut(other, kemCiphertextBytes, 'server');
      return join(decapsulate(keys.kem, ciphertext), agree(keys.curve, theirKey));
    },
  };
}

function makeClientKeys(): ClientKeys {
  return { kem: generateKeyPairSync('ml-kem-768').privateKey, curve: generateKeyPairSync('x25519').privateKey };
}

export function serverSide(): Side {
  let reply: Buffer | undefined;
  return {
    message() {
      if (reply === undefined) throw new Error('the server has nothing to send before the client has sent its keys');
      return reply;
    },
    secret(other) {
      const [kemKey, theirKey] = cut(other, kemKeyBytes, 'client');
      const curve = generateKeyPairSync('x25519');
      // OpenSSL refuses a key whose coefficients are not reduced (FIPS 203, section 7.2).
      const { ciphertext, sharedKey } = encapsulate(wholeKey(kemPrefix, kemKey));
      reply = Buffer.concat([ciphertext, bareKey(curve.publicKey, curveKeyBytes)]);
      return join(sharedKey, agree(curve.privateKey, theirKey));
    },
  };
}

function cut(message: Buffer, kemBytes: number, sender: string): readonly [Buffer, Buffer] {
  const expected = kemBytes + curveKeyBytes;
  if (message.length !== expected) throw new Error(`the ${sender} sent ${message.length} bytes of keys, not ${expected}`);
  return [message.subarray(0, kemBytes), message.subarray(kemBytes)];
}

/** A point of small order makes a secret of zeros that anybody knows (RFC 7748, section 6.1). */
function agree(privateKey: KeyObject, theirKey: Buffer): Buffer {
  const secret = diffieHellman({ privateKey, publicKey: wholeKey(curvePrefix, theirKey) });
  if (secret.every((byte) => byte === 0)) throw new Error('the X25519 key of the other side is of small order');
  return secret;
}

function join(kemSecret: Buffer, curveSecret: Buffer): Buffer {
  return createHash('sha256').update(kemSecret).update(curveSecret).digest();
}

function bareKey(key: KeyObject, bytes: number): Buffer {
  return key.export({ type: 'spki', format: 'der' }).subarray(-bytes);
}

function wholeKey(prefix: Buffer, bare: Buffer): KeyObject {
  return createPublicKey({ key: Buffer.concat([prefix, bare]), type: 'spki', format: 'der' });
}
