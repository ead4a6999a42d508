/** IDs and generations: who a server is, now and over time. */
import type { Brand } from '../base/brand.ts';
import { fault } from './errors.ts';

/** A server's ID: 0..(plan's count - 1). Given back at drop, so it does not tell one server from its successor: a `Generation` does. */
export type ServerId = Brand<number, 'ServerId'>;

/** The UUID of one lease of an ID. */
export type Generation = Brand<string, 'Generation'>;

const highestIdEver = 65_535;

/** The ID that `text` names, in decimal without sign: `123`, `7`, `007`. Whether the plan has it is the plan's to say. Throws `bad-id`. */
export function parseServerId(text: string | number): ServerId {
  const digits = String(text);
  if (!/^\d{1,5}$/u.test(digits) || Number(digits) > highestIdEver) {
    throw fault('bad-id', `"${shorten(digits)}" is not a server's ID: an ID is a whole number such as 123 (see "myserver list")`);
  }
  return Number(digits) as ServerId;
}

export function isIdText(text: string): boolean {
  return /^\d+$/u.test(text);
}

/** Throws `bad-request` for what is not a UUID in lower case. */
export function parseGeneration(text: string): Generation {
  if (!/^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/u.test(text))
    throw fault('bad-request', `"${shorten(text)}" is not a generation (a UUID)`);
  return text as Generation;
}

/** At most 40 characters of a text from outside, control characters made visible, for use inside an error's sentence. */
export function shorten(text: string): string {
  const visible = text.replaceAll(/[\p{Cc}\p{Cf}\u{FFFD}]/gu, '?');
  return visible.length > 40 ? `${visible.slice(0, 37)}...` : visible;
}
