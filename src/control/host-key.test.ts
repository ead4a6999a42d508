import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseServerId } from '../core/ids.ts';
import { parsePersonName } from '../core/names.ts';
import { makeKeyPair, readHostKey } from './host-key.ts';

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

test('readHostKey reads what the real ssh-keygen and makeKeyPair write, and takes nothing but a whole, unencrypted Ed25519 key', () => {
  const dir = mkdtempSync(join(tmpdir(), 'myserver-key-'));
  const read = (text: string) => readHostKey(text, parsePersonName('ada'), parseServerId(7))?.publicKey;
  const generate = (...options: string[]) => {
    const file = join(dir, options.join(''));
    execFileSync('ssh-keygen', ['-q', '-f', file, '-C', 'evil\n@revoked *', ...options]);
    return [readFileSync(file, 'utf8'), readFileSync(`${file}.pub`, 'utf8').split(' ').slice(0, 2).join(' ')] as const;
  };
  try {
    const [text, publicKey] = generate('-t', 'ed25519', '-N', '');
    assert.equal(read(text), `${publicKey} server-7`);
    const own = makeKeyPair('server-7');
    const again = readHostKey(own.privateKey.reveal(), parsePersonName('ada'), parseServerId(7));
    assert.equal(again?.publicKey, own.publicKey);
    const file = join(dir, 'again');
    writeFileSync(file, again.privateKey.reveal(), { mode: 0o600 });
    assert.equal(execFileSync('ssh-keygen', ['-y', '-f', file], { encoding: 'utf8' }).trim(), own.publicKey);

    assert.equal(read(generate('-t', 'ed25519', '-N', 'a passphrase')[0]), undefined);
    assert.equal(read(generate('-t', 'ecdsa', '-N', '')[0]), undefined);
    for (const broken of ['', 'x', text.replace('BEGIN', 'BEGUN'), 'x'.repeat(100_000)]) assert.equal(read(broken), undefined);
    const [head = '', ...lines] = text.trim().split('\n');
    const bytes = Buffer.from(lines.slice(0, -1).join(''), 'base64');
    const wrapped = (changed: Buffer) => `${head}\n${changed.toString('base64')}\n${lines.at(-1) ?? ''}\n`;
    assert.equal(read(wrapped(bytes)), `${publicKey} server-7`);
    for (let length = 0; length < bytes.length; length += 1) {
      const cut = read(wrapped(bytes.subarray(0, length)));
      assert.ok(cut === undefined || cut === `${publicKey} server-7`, `cut at ${length}`);
    }
    const seedAt = bytes.lastIndexOf(Buffer.from([0, 0, 0, 64])) + 4;
    const otherSeed = Buffer.from(bytes);
    otherSeed.writeUInt8(bytes.readUInt8(seedAt) ^ 1, seedAt);
    assert.equal(read(wrapped(otherSeed)), undefined, 'the public half is of another seed');
  } finally {
    rmSync(dir, { recursive: true });
  }
});
