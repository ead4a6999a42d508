/** Tags and their attributes, read from text that may end within one (WHATWG HTML, sections 13.2.5.6 to 13.2.5.40). */

export interface Tag {
  readonly name: string;
  readonly isEnd: boolean;
  readonly attributes: readonly Attribute[];
  readonly end: number;
}

export interface Attribute {
  readonly name: string;
  readonly value: string;
  /** Of the value in the text, quotes apart. */
  readonly start: number;
  readonly end: number;
  readonly quote: '"' | "'" | '';
}

/** Longer tags go through as they are: no page makes us keep more. */
export const longestTag = 64 * 1024;
const freeReadings = 16;

/** Reads what begins with a tag. `wait`: its end is not there yet; `through`: it will not be read. */
export type TagReader = (text: string, isEnd: boolean) => Tag | 'wait' | 'through';

/** Read anew with each piece, a tag that comes byte by byte would cost the square of its length: after some, it waits for as much again. */
export function makeTagReader(): TagReader {
  let readings = 0;
  let readAgainAt = 0;
  return (text, isEnd) => {
    if (!isEnd && text.length < readAgainAt) return 'wait';
    const tag = readTag(text);
    if (tag === undefined && !isEnd && text.length <= longestTag) {
      readings += 1;
      readAgainAt = readings < freeReadings ? 0 : text.length * 2;
      return 'wait';
    }
    [readings, readAgainAt] = [0, 0];
    return tag ?? 'through';
  };
}

const attributePattern =
  /[\t\n\f\r /]*([^\t\n\f\r />=][^\t\n\f\r />=]*)(?:[\t\n\f\r ]*=[\t\n\f\r ]*(?:"([^"]*)"|'([^']*)'|([^\t\n\f\r >"'][^\t\n\f\r >]*)?))?/uy;

/** Undefined: it does not end here. */
function readTag(text: string): Tag | undefined {
  const [open = '', slash = '', name = ''] = /^<(\/?)([a-z][^\t\n\f\r />]*)/iu.exec(text) ?? [];
  const attributes: Attribute[] = [];
  let at = open.length;
  for (;;) {
    const blank = /[\t\n\f\r /]*/uy;
    blank.lastIndex = at;
    const behind = at + (blank.exec(text)?.[0].length ?? 0);
    if (behind >= text.length) return undefined;
    if (text[behind] === '>') return { name: name.toLowerCase(), isEnd: slash !== '', attributes, end: behind + 1 };
    attributePattern.lastIndex = at;
    const found = attributePattern.exec(text);
    // An equals sign where a name should be, say: it is part of a name there (section 13.2.5.32).
    if (found === null) {
      at = behind + 1;
      continue;
    }
    at = attributePattern.lastIndex;
    if (at >= text.length) return undefined;
    const attribute = attributeOf(found, at, text);
    // A quote that does not end here.
    if (attribute === undefined) return undefined;
    attributes.push(attribute);
  }
}

function attributeOf([, name = '', double, single, bare]: RegExpExecArray, end: number, text: string): Attribute | undefined {
  const lower = name.toLowerCase();
  if (double !== undefined) return { name: lower, value: double, start: end - 1 - double.length, end: end - 1, quote: '"' };
  if (single !== undefined) return { name: lower, value: single, start: end - 1 - single.length, end: end - 1, quote: "'" };
  if (bare !== undefined) return { name: lower, value: bare, start: end - bare.length, end, quote: '' };
  const next = text[end];
  return next === '"' || next === "'" ? undefined : { name: lower, value: '', start: end, end, quote: '' };
}
