/** Hashes for /etc/shadow. Node has no crypt(3), but OpenSSL's program has its SHA-512 form, which every Linux of the last fifteen years checks. */
import { spawn } from 'node:child_process';
import type { Secret } from '../base/secret.ts';
import { fault } from '../core/errors.ts';

// OpenSSL takes 256 bytes and drops the rest in silence: two long passwords with one beginning would be the same.
const longestPasswordBytes = 255;

/** `$6$salt$hash` with a random salt. The password goes through a pipe: arguments can be read by everybody. Throws `bad-request` for what no line holds. */
export async function hashPassword(password: Secret): Promise<string> {
  const text = password.reveal();
  if (text === '' || /[\0\r\n]/u.test(text) || Buffer.byteLength(text) > longestPasswordBytes) {
    throw fault('bad-request', `a password has 1 to ${longestPasswordBytes} bytes on one line: choose another`);
  }
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn('openssl', ['passwd', '-6', '-stdin'], { stdio: ['pipe', 'pipe', 'ignore'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  child.stdin.once('error', () => {});
  child.once('error', (cause) => reject(fault('cannot-here', 'the program openssl is missing: install the package openssl', { cause })));
  child.once('close', (code) => {
    const hash = output.trim();
    if (code === 0 && /^\$6\$[\w./]+\$[\w./]{86}$/u.test(hash)) resolve(hash);
    else
      reject(
        fault('cannot-here', `openssl passwd ended with code ${code} and made no hash: see that "openssl passwd -6" works on this machine`),
      );
  });
  child.stdin.end(`${text}\n`);
  return promise;
}
