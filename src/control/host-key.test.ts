import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeKeyPair } from './host-key.ts';

test('makeKeyPair writes private keys that the real ssh-keygen reads and derives the same public key from', () => {
  const dir = mkdtempSync(join(tmpdir(), 'myserver-key-'));
  try {
    for (const comment of ['a', 'server-7', 'server-123', 'longer comment with spaces']) {
      const { privateKey, publicKey } = makeKeyPair(comment);
      const file = join(dir, 'key');
      writeFileSync(file, privateKey.reveal(), { mode: 0o600 });
      assert.equal(execFileSync('ssh-keygen', ['-y', '-f', file], { encoding: 'utf8' }).trim(), publicKey);
    }
  } finally {
    rmSync(dir, { recursive: true });
  }
});
