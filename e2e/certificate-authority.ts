/** Somebody who certifies people's keys for OpenSSH (`ssh-keygen -s`), as a department's own authority does. */
import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProcess } from '../src/testing/run-process.ts';

export interface CertificateAuthority extends AsyncDisposable {
  /** Its public key, for `bastion.userAuthorities`. */
  readonly line: string;
  /** The path of a certificate for that public key. `options` are those of `ssh-keygen -s`. */
  certify(publicKeyPath: string, ...options: readonly string[]): Promise<string>;
}

export async function makeAuthority(...type: readonly string[]): Promise<CertificateAuthority> {
  const folder = await mkdtemp(join(tmpdir(), 'myserver-authority-'));
  const file = join(folder, 'authority');
  await keygen('-N', '', '-f', file, '-C', 'the authority', ...type);
  let count = 0;
  return {
    line: (await readFile(`${file}.pub`, 'utf8')).trim(),
    async certify(publicKeyPath, ...options) {
      count += 1;
      const subject = join(folder, `subject-${count}`);
      await copyFile(publicKeyPath, `${subject}.pub`);
      await keygen('-s', file, '-I', `number ${count}`, ...options, `${subject}.pub`);
      return `${subject}-cert.pub`;
    },
    [Symbol.asyncDispose]: async () => await rm(folder, { recursive: true, force: true }),
  };
}

async function keygen(...words: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await runProcess(['ssh-keygen', '-q', ...words]);
  assert.equal(exitCode, 0, `ssh-keygen ${words.join(' ')}\n${stderr}`);
}
