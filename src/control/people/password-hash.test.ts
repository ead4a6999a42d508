import assert from 'node:assert/strict';
import { argon2Sync } from 'node:crypto';
import { suite, test } from 'node:test';
import { Secret } from '../../base/secret.ts';
import { hashPassword, verifyPassword } from './password-hash.ts';

const right = { isRight: true, isOutdated: false };
const wrong = { isRight: false, isOutdated: false };

suite('password-hash', () => {
  test('hashPassword gives a PHC string of argon2id with a salt of its own, which verifyPassword knows again', async () => {
    const password = new Secret('correct horse battery');
    const [one, two] = [await hashPassword(password), await hashPassword(password)];
    assert.match(one.reveal(), /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/u);
    assert.notEqual(one.reveal(), two.reveal());
    assert.deepEqual(await verifyPassword(password, one), right);
    assert.deepEqual(await verifyPassword(new Secret('correct horse batterx'), one), wrong);
    assert.deepEqual(await verifyPassword(new Secret(''), one), wrong);
  });

  test('verifyPassword takes both ways in which Unicode composes a letter for the same', async () => {
    const hash = await hashPassword(new Secret('pâté-pâté-pâté'.normalize('NFC')));
    assert.deepEqual(await verifyPassword(new Secret('pâté-pâté-pâté'.normalize('NFD')), hash), right);
  });

  test('verifyPassword knows a hash of other parameters, and that it is outdated', async () => {
    const nonce = Buffer.alloc(16, 7);
    const tag = argon2Sync('argon2id', { message: 'old password', nonce, memory: 1024, passes: 3, parallelism: 1, tagLength: 32 });
    const text = `$argon2id$v=19$m=1024,t=3,p=1$${nonce.toString('base64').replaceAll('=', '')}$${tag.toString('base64').replaceAll('=', '')}`;
    assert.deepEqual(await verifyPassword(new Secret('old password'), new Secret(text)), { isRight: true, isOutdated: true });
    assert.deepEqual(await verifyPassword(new Secret('other password'), new Secret(text)), wrong);
  });

  test('verifyPassword finds no password right for a string that is no hash of ours, or asks for absurd memory', async () => {
    const salt = 'AAAAAAAAAAAAAAAAAAAAAA';
    const tag = 'A'.repeat(43);
    for (const text of [
      '',
      'plain',
      `$argon2id$v=19$m=9999999,t=2,p=1$${salt}$${tag}`,
      `$argon2id$v=19$m=19456,t=0,p=1$${salt}$${tag}`,
      `$2b$10$${tag}`,
    ])
      assert.deepEqual(await verifyPassword(new Secret(text), new Secret(text)), wrong);
    assert.deepEqual(await verifyPassword(new Secret('anything'), undefined), wrong);
  });
});
