import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Secret } from '../../base/secret.ts';
import { parsePersonName } from '../../core/names.ts';
import { makeOneTimePassword } from '../one-time-password.ts';
import { requireGoodPassword } from './password-rule.ts';

const person = parsePersonName('jamesbond007');

suite('password-rule', () => {
  test('requireGoodPassword asks for length and refuses what is hardly one', () => {
    for (const text of [
      '',
      'short',
      'ninechars',
      'jamesbond007',
      'JamesBond007!',
      'aaaaaaaaaaaaaa',
      'abababababab',
      'x'.repeat(1025),
      'é'.repeat(513),
    ])
      assert.throws(() => requireGoodPassword(new Secret(text), person), { code: 'bad-request' }, text.slice(0, 20));
    for (const text of ['ten chars!', 'correct horse', 'jamesbond007 likes martini', '€uro-€uro-12', 'xy '.repeat(341)])
      assert.doesNotThrow(() => requireGoodPassword(new Secret(text), person), text.slice(0, 20));
  });

  test('makeOneTimePassword makes what requireGoodPassword takes, with no letter that is mistaken for another', () => {
    const made = Array.from({ length: 200 }, () => makeOneTimePassword());
    assert.equal(new Set(made).size, 200);
    for (const text of made) {
      assert.match(text, /^[a-kmnp-z2-9]{4}(?:-[a-kmnp-z2-9]{4}){3}$/u);
      requireGoodPassword(new Secret(text), person);
    }
    assert.equal(new Set(made.join('').replaceAll('-', '')).size, 32, '16 of 32 letters: 80 bits');
  });
});
