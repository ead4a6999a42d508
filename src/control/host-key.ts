/** Ed25519 key pairs in OpenSSH's own formats, made without a child process. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { Secret } from '../base/secret.ts';
import type { ServerId } from '../core/ids.ts';
import type { PersonName } from '../core/names.ts';
import { sshString } from '../core/ssh-wire.ts';
import type { KeyPair } from '../store/records.ts';
import type { HostKey } from '../store/servers.ts';

const algorithm = 'ssh-ed25519';

/** The private key in the format of OpenSSH's PROTOCOL.key: unencrypted, one key, padded with 1, 2, 3... to the cipher's block of 8. */
function privateKeyText(publicBlob: Buffer, publicBytes: Buffer, seed: Buffer, comment: string): string {
  const check = randomBytes(4);
  const body = Buffer.concat([
    check,
    check,
    sshString(algorithm),
    sshString(publicBytes),
    sshString(Buffer.concat([seed, publicBytes])),
    sshString(comment),
  ]);
  const padding = Buffer.from(Array.from({ length: (8 - (body.length % 8)) % 8 }, (_none, index) => index + 1));
  const one = Buffer.from([0, 0, 0, 1]);
  const whole = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    sshString('none'),
    sshString('none'),
    sshString(''),
    one,
    sshString(publicBlob),
    sshString(Buffer.concat([body, padding])),
  ]);
  const lines = whole.toString('base64').match(/.{1,70}/gu) ?? [];
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join('\n')}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

export function makeKeyPair(comment: string): KeyPair {
  const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const publicBytes = Buffer.from(jwk.x ?? '', 'base64url');
  const seed = Buffer.from(jwk.d ?? '', 'base64url');
  const blob = Buffer.concat([sshString(algorithm), sshString(publicBytes)]);
  return {
    privateKey: new Secret(privateKeyText(blob, publicBytes, seed, comment)),
    publicKey: `${algorithm} ${blob.toString('base64')} ${comment}`,
  };
}

/** A key for the server with that ID, for `hostKeys.keep` to take or to leave. */
export function makeHostKey(owner: PersonName, id: ServerId): HostKey {
  return { owner, id, ...makeKeyPair(`server-${id}`) };
}
