/**
 * The algorithms of SSH that the gateway speaks, towards people and towards the servers. Modern ones alone: each is without a failing mark in ssh-audit, and
 * PuTTY 0.78, paramiko 2.12, dropbear 2022 and OpenSSH from 7 on find one of each.
 */
import { readFileSync } from 'node:fs';
import type { Algorithms, CipherAlgorithm, KexAlgorithm } from 'ssh2';
import { mlkemExchange } from './mlkem.ts';

/** `@libssh.org` is what paramiko 2 calls it. group16 is for those without elliptic curves; group18 costs half a second of CPU a login and is left out. */
const exchanges = [mlkemExchange, 'curve25519-sha256', 'curve25519-sha256@libssh.org', 'diffie-hellman-group16-sha512'] as KexAlgorithm[];

const aes: readonly CipherAlgorithm[] = ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'aes128-ctr', 'aes256-ctr'];
const chacha: CipherAlgorithm = 'chacha20-poly1305@openssh.com';

/**
 * For an ssh2 server or client, after `extendSsh2`. Each holds an order of preference, and that of the client decides.
 * A server has to hold an Ed25519 host key alone: beside an RSA key ssh2 offers SHA-1, whatever is named here.
 * No compression: with dropbear, whose client asks for it, ssh2 loses the stream at the first change of keys.
 */
export function sshAlgorithms(hasAes: boolean): Algorithms {
  return {
    kex: [...exchanges],
    cipher: hasAes ? [...aes, chacha] : [chacha, ...aes],
    serverHostKey: ['ssh-ed25519', 'rsa-sha2-512', 'rsa-sha2-256'],
    hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com'],
    compress: ['none'],
  };
}

/** Whether this machine's processor has instructions for AES, without which ChaCha20 is the faster. `cpuinfo`: for a test. */
export function hasAesHardware(cpuinfo: () => string = () => readFileSync('/proc/cpuinfo', 'utf8')): boolean {
  try {
    return /^(?:flags|Features)\s*:.*\baes\b/mu.test(cpuinfo());
  } catch {
    return true;
  }
}
