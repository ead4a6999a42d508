/** What people write on the command line, parsed once: IDs and ranges, sizes with the classic units, durations, instants. */
import { fault } from '../core/errors.ts';
import { parseServerId, type ServerId, shorten } from '../core/ids.ts';
import { parseSize } from '../core/sizes.ts';

/** More in one command is a slip of the keyboard: `drop 1-9999`. */
const mostIds = 1000;

/** `1 2 5-9` or `1,2,5-9`: each ID once, in the order given. Throws `bad-id`. */
export function parseIds(texts: readonly string[]): readonly ServerId[] {
  const ids = new Set<ServerId>();
  for (const text of texts.flatMap((given) => given.split(',')).filter((part) => part !== '')) {
    const range = /^(\d+)-(\d+)$/u.exec(text);
    const first = parseServerId(range?.[1] ?? text);
    const last = parseServerId(range?.[2] ?? text);
    if (last < first) throw fault('bad-id', `"${shorten(text)}" runs backwards: write the smaller ID first, such as 5-9`);
    if (last - first >= mostIds) throw fault('bad-id', `"${shorten(text)}" names more than ${mostIds} servers: say it in several commands`);
    for (let id = Number(first); id <= last; id += 1) ids.add(parseServerId(id));
  }
  if (ids.size === 0) throw fault('bad-id', 'no ID was given: name at least one server, such as 123 or 5-9');
  if (ids.size > mostIds) throw fault('bad-id', `more than ${mostIds} servers were named: say it in several commands`);
  return [...ids];
}

/** `512` is MiB as in the classic manager; `1G`, `512M` say their unit. Bytes. */
export function parseMemory(text: string): number {
  return parseSize(/^\d+$/u.test(text.trim()) ? `${text.trim()}M` : text, 'memory');
}

/** `5` is GiB; `5G`, `512M` say their unit. Bytes. */
export function parseDisk(text: string): number {
  return parseSize(/^\d+$/u.test(text.trim()) ? `${text.trim()}G` : text, 'disk');
}

/** A whole number from `min` to `max`. */
export function parseCount(text: string, what: string, min = 1, max = 1000): number {
  const number = /^\d{1,9}$/u.test(text) ? Number(text) : Number.NaN;
  if (!(number >= min && number <= max))
    throw fault('bad-request', `"${shorten(text)}" is not ${what}: write a whole number from ${min} to ${max}`);
  return number;
}

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** Seconds of `30d`, `12h`, `90m`, `2w`. Throws `bad-request`. */
export function parseDuration(text: string): number {
  const match = /^(\d{1,6})([smhdw])$/u.exec(text.trim());
  const seconds = match === null ? 0 : Number(match[1]) * (unitSeconds[match[2] ?? ''] ?? 0);
  if (seconds < 1) throw fault('bad-request', `"${shorten(text)}" is not a length of time: write for example 30d, 12h or 90m`);
  return seconds;
}

/** The instant that `7d` (from now), `2026-12-24` (its end, UTC) or a whole ISO 8601 time names, as ISO 8601 in UTC. */
export function parseUntil(text: string, nowMs: number): string {
  if (/^\d+[smhdw]$/u.test(text)) return new Date(nowMs + parseDuration(text) * 1000).toISOString();
  const isDay = /^\d{4}-\d\d-\d\d$/u.test(text);
  const ms = isDay || /^\d{4}-\d\d-\d\dT/u.test(text) ? Date.parse(isDay ? `${text}T23:59:59Z` : text) : Number.NaN;
  if (Number.isNaN(ms)) throw fault('bad-request', `"${shorten(text)}" is not a time: write for example 7d or 2026-12-24`);
  if (ms <= nowMs) throw fault('bad-request', `"${shorten(text)}" is already past: name a time to come, such as 7d`);
  return new Date(ms).toISOString();
}

/** `debian12 web` or `debian12/web`. */
export function parseImage(words: readonly string[]): { readonly system: string; readonly type: string } {
  const [system, type, ...rest] = words.flatMap((word) => word.split('/'));
  if (system === undefined || type === undefined || rest.length > 0 || system === '' || type === '')
    throw fault('bad-request', `"${shorten(words.join(' '))}" does not name an image: write its system and type, such as debian12/minimal`);
  return { system, type };
}
