import { fault } from '../core/errors.ts';
import { shorten } from '../core/ids.ts';

/** ISO 8601 with its zone, in milliseconds: a time without one means something else on each machine. Throws `bad-request`. */
export function parseTime(text: string): number {
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d)$/u.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw fault('bad-request', `"${shorten(text)}" is not a time: write for example 2027-01-31T18:00:00Z`);
  return ms;
}
