/** `SHA256:...` of a public key, as `ssh-keygen -l` prints it: `core/ssh-key` with this platform's hash. */
import { createHash } from 'node:crypto';
import { fingerprintOf } from '../core/ssh-key.ts';

/** `blob` is the second word of an OpenSSH line. */
export function keyFingerprint(blob: string): string {
  return fingerprintOf(blob, (bytes) => createHash('sha256').update(bytes).digest());
}
