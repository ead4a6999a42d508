/** Passwords that are read from a screen and typed once. */
import { randomInt } from 'node:crypto';

/** Small letters and digits without 0 o 1 l: 32, of which each adds 5 bits. */
const letters = 'abcdefghijkmnpqrstuvwxyz23456789';

/** Four groups of four: 80 bits, beyond any guessing even offline, still typed without a mistake. */
export function makeOneTimePassword(): string {
  const group = () => Array.from({ length: 4 }, () => letters[randomInt(letters.length)]).join('');
  return [group(), group(), group(), group()].join('-');
}
