/** Which passwords may be chosen. Length is what counts; rules of composition only make people write them down. */
import { Buffer } from 'node:buffer';
import type { Secret } from '../../base/secret.ts';
import { fault } from '../../core/errors.ts';
import type { PersonName } from '../../core/names.ts';

const leastLength = 10;
/** Longer ones would only make hashing a way to burn the host's time. */
const mostBytes = 1024;

/** Throws `bad-request` with the reason. */
export function requireGoodPassword(password: Secret, person: PersonName): void {
  const text = password.reveal();
  if (Buffer.byteLength(text, 'utf8') > mostBytes) throw fault('bad-request', `the password is longer than ${mostBytes} bytes`);
  const length = Array.from(text.normalize('NFC')).length;
  if (length < leastLength) {
    throw fault('bad-request', `the password has ${length} characters and needs at least ${leastLength}; a few words in a row are good`);
  }
  if (new Set(text).size < 3) throw fault('bad-request', 'the password repeats one or two characters; a few words in a row are good');
  if (
    text
      .toLowerCase()
      .replaceAll(/[^a-z\d_-]/gu, '')
      .startsWith(person) &&
    length < person.length + leastLength / 2
  ) {
    throw fault('bad-request', "the password is little more than the person's name; choose another");
  }
}
