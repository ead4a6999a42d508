/** A part of somebody's own file that is ours, between two comment lines. Everything around it stays as it is, byte for byte. */
import { fault } from '../../core/errors.ts';

/** `text` with `body` in the part of that label: where the part is, or before everything else. `where` names the file in a sentence. */
export function putSection(text: string, label: string, body: string, where: string): string {
  const section = `${beginOf(label)}\n${body}${endOf(label)}\n`;
  const place = findSection(text, label, where);
  return place === undefined ? section + text : text.slice(0, place.begin) + section + text.slice(place.end);
}

export function takeSection(text: string, label: string, where: string): string {
  const place = findSection(text, label, where);
  return place === undefined ? text : text.slice(0, place.begin) + text.slice(place.end);
}

/** Offsets of the whole part. Throws `conflict` where it is not clear what is ours. */
function findSection(text: string, label: string, where: string): { readonly begin: number; readonly end: number } | undefined {
  const [begins, ends] = [linesAt(text, beginOf(label)), linesAt(text, endOf(label))];
  const [begin, end] = [begins[0], ends[0]];
  if (begin === undefined && end === undefined) return undefined;
  if (begin === undefined || end === undefined || begins.length > 1 || ends.length > 1 || end.at < begin.at)
    throw fault(
      'conflict',
      `the lines "${beginOf(label)}" and "${endOf(label)}" do not enclose one part of ${where}: mend them by hand, then try again`,
    );
  return { begin: begin.at, end: end.after };
}

/** Lines that are `wanted`, a carriage return before their end forgiven. */
function linesAt(text: string, wanted: string): readonly { readonly at: number; readonly after: number }[] {
  const found = [];
  for (let at = 0; at < text.length;) {
    const newline = text.indexOf('\n', at);
    const after = newline < 0 ? text.length : newline + 1;
    if (text.slice(at, newline < 0 ? after : newline).replace(/\r$/u, '') === wanted) found.push({ at, after });
    at = after;
  }
  return found;
}

function beginOf(label: string): string {
  return `# >>> myserver ${label}`.trimEnd();
}

function endOf(label: string): string {
  return `# <<< myserver ${label}`.trimEnd();
}
