import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { suite, test } from 'node:test';
import { Secret } from '../base/secret.ts';
import { hashPassword } from './password-hash.ts';

/** What crypt(3) of this machine makes of the password with the hash's salt. */
function crypt(password: string, hash: string): string {
  const program = 'use open ":std", ":utf8"; my ($p, $h) = @ARGV; print crypt($p, $h)';
  return execFileSync('perl', ['-e', program, password, hash], { encoding: 'utf8' });
}

suite('hashPassword', () => {
  test('hashPassword gives what crypt(3) accepts, and another salt each time', async () => {
    const password = 'k7rm-9xwq-pf3t zoë$(id)';
    const [first, second] = [await hashPassword(new Secret(password)), await hashPassword(new Secret(password))];
    assert.notEqual(first, second);
    for (const hash of [first, second]) assert.equal(crypt(password, hash), hash);
    assert.notEqual(crypt('k7rm-9xwq-pf3', first), first);
  });

  test('hashPassword refuses a password that would be cut short', async () => {
    for (const password of ['', 'two\nlines', 'nul\0byte', 'x'.repeat(256)]) {
      await assert.rejects(hashPassword(new Secret(password)), { code: 'bad-request' }, password.slice(0, 10));
    }
    const longest = 'x'.repeat(255);
    const hash = await hashPassword(new Secret(longest));
    assert.notEqual(crypt(`${longest.slice(1)}y`, hash), hash);
  });
});
