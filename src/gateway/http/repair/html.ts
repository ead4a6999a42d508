/**
 * Addresses in HTML, as it streams by: a tokenizer of tags, attributes, comments and raw text (WHATWG HTML, section 13.2.5), which changes the values of
 * attributes that are addresses and nothing else. What it cannot read it lets through.
 */
import { type Placed } from '../below-prefix.ts';
import { isModuleScript, repairedAttribute, repairModule } from './attributes.ts';
import { makeCssRepair } from './css.ts';
import type { Repair } from './repair.ts';
import { longestTag, makeTagReader, type Tag } from './tags.ts';

const rawElements = /^(?:script|style|textarea|title|xmp|iframe|noembed|noframes)$/u;
/** Before these a script of ours may stand in no document. */
const beforeHead = /^(?:html|head)$/u;

export interface HtmlRepairOptions extends Placed {
  /** Put in at the beginning of the document; undefined: nothing is put in. */
  readonly insert: string | undefined;
}

export function makeHtmlRepair(options: HtmlRepairOptions): Repair {
  let kept = '';
  let raw: RawText | undefined;
  let inComment = false;
  let toInsert = options.insert;
  const readTag = makeTagReader();

  /** Of `kept`: what is said, and what stays for the next piece. */
  function step(isEnd: boolean): string | undefined {
    if (raw !== undefined) return inRaw(raw, isEnd);
    if (inComment) return upTo('-->', isEnd, () => (inComment = false));
    const at = kept.indexOf('<');
    if (at !== 0) return take(at < 0 ? kept.length : at);
    return markup(isEnd);
  }

  function markup(isEnd: boolean): string | undefined {
    if (kept.startsWith('<!--')) {
      inComment = true;
      return take(4);
    }
    if (!isEnd && '<!--'.startsWith(kept)) return undefined;
    if (/^<[!?]/u.test(kept)) return upTo('>', isEnd, () => {});
    if (!/^<\/?[a-z]/iu.test(kept)) return isEnd || kept.length > 2 ? take(1) : undefined;
    const tag = readTag(kept, isEnd);
    if (tag === 'wait') return undefined;
    return tag === 'through' ? take(kept.length) : said(tag);
  }

  function said(tag: Tag): string {
    const text = rewritten(take(tag.end), tag, options);
    if (!tag.isEnd && rawElements.test(tag.name)) raw = makeRawText(tag, options);
    if (toInsert === undefined || tag.isEnd || tag.name === 'html') return text;
    const insert = toInsert;
    toInsert = undefined;
    return beforeHead.test(tag.name) ? text + insert : insert + text;
  }

  function inRaw(now: RawText, isEnd: boolean): string | undefined {
    const close = now.close.exec(kept);
    if (close !== null) {
      raw = undefined;
      return now.write(take(close.index)) + now.end();
    }
    if (isEnd) return now.write(take(kept.length)) + now.end();
    // The end may have begun.
    const safe = kept.length - longestEnd;
    return safe > 0 ? now.write(take(safe)) : undefined;
  }

  function upTo(end: string, isEnd: boolean, done: () => void): string | undefined {
    const at = kept.indexOf(end);
    if (at >= 0) done();
    const length = at >= 0 ? at + end.length : isEnd ? kept.length : kept.length - end.length + 1;
    return length > 0 ? take(length) : undefined;
  }

  function take(length: number): string {
    const text = kept.slice(0, length);
    kept = kept.slice(length);
    return text;
  }

  function all(isEnd: boolean): string {
    const pieces: string[] = [];
    for (let piece: string | undefined = ''; piece !== undefined; piece = kept === '' ? undefined : step(isEnd)) pieces.push(piece);
    return pieces.join('');
  }

  return {
    write(piece) {
      kept += piece;
      return all(false);
    },
    end: () => all(true) + (raw === undefined ? '' : raw.end()),
  };
}

/** `</textarea` and one more. */
const longestEnd = 12;

interface RawText extends Repair {
  readonly close: RegExp;
}

function makeRawText(tag: Tag, placed: Placed): RawText {
  const close = new RegExp(String.raw`<\/${tag.name}(?=[\t\n\f\r />])`, 'iu');
  if (tag.name === 'style') return { close, ...makeCssRepair(placed) };
  if (tag.name === 'script' && isModuleScript(tag.attributes)) return { close, ...makeWhole((text) => repairModule(text, placed)) };
  return { close, write: (piece) => piece, end: () => '' };
}

/** Kept until its end is there; one that is too long goes through. */
function makeWhole(repair: (text: string) => string): Repair {
  let kept: string | undefined = '';
  return {
    write(piece) {
      if (kept === undefined) return piece;
      kept += piece;
      if (kept.length <= longestTag) return '';
      const passed = kept;
      kept = undefined;
      return passed;
    },
    end: () => (kept === undefined ? '' : repair(kept)),
  };
}

function rewritten(text: string, tag: Tag, placed: Placed): string {
  if (tag.isEnd) return text;
  const pieces: string[] = [];
  let from = 0;
  for (const attribute of tag.attributes) {
    const value = repairedAttribute(tag.name, tag.attributes, attribute, placed);
    if (value === attribute.value) continue;
    pieces.push(text.slice(from, attribute.start), value);
    from = attribute.end;
  }
  pieces.push(text.slice(from));
  return pieces.join('');
}
