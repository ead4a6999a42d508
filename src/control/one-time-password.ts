/** Passwords that are read from a screen and typed once. */
import { randomInt } from 'node:crypto';

/** Without 0 O o 1 l I: 30 letters of which each adds 4.9 bits. */
const letters = 'abcdefghjkmnpqrstuvwxyz2345679';

/** Four groups of four: 78 bits, beyond any guessing even offline, still typed without a mistake. */
export function makeOneTimePassword(): string {
  const group = () => Array.from({ length: 4 }, () => letters[randomInt(letters.length)]).join('');
  return [group(), group(), group(), group()].join('-');
}
