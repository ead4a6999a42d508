/**
 * Text from others, made harmless before it is shown. The attack: notes, names and error texts that carry escape sequences (retitle the window, write
 * over lines, paste back), C1 controls (U+009B alone is "CSI" to some terminals), or bidirectional controls that make one thing read as another.
 */

/** Zero-width joiner and non-joiner are formatting characters too, but honest words in several scripts need them. */
const harmful = /(?![\u200C\u200D])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** One line for a terminal: line breaks and tabs become spaces, every other control becomes `?`. */
export function visible(text: string): string {
  return text.replaceAll(/\r\n|[\t\n\r]/gu, ' ').replaceAll(harmful, '?');
}

/** JSON (or double-quoted YAML) with everything harmful that the format leaves as it is written as `\uXXXX`: the same value, and nothing for a terminal to obey. */
export function escapeHarmful(text: string): string {
  return text.replaceAll(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    // A character beyond U+FFFF is two units, each escaped for itself.
    Array.from({ length: character.length }, (_none, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  );
}

export function hasHarmful(text: string): boolean {
  return /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text);
}

const wide =
  /[\u1100-\u115F\u2E80-\u303E\u3041-\u33FF\u3400-\u4DBF\u4E00-\u9FFF\uA000-\uA4CF\uA960-\uA97F\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF01-\uFF60\uFFE0-\uFFE6\u{17000}-\u{18CFF}\u{1B000}-\u{1B2FF}\u{20000}-\u{3FFFD}]|\p{Emoji_Presentation}|\uFE0F/u;
const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Terminal cells of one character as a reader counts them (UAX #11 wide and emoji: two; combining marks alone: none). */
function cellsOf(grapheme: string): number {
  if (wide.test(grapheme)) return 2;
  return /^[\p{Mn}\p{Me}\u200B-\u200D]+$/u.test(grapheme) ? 0 : 1;
}

/** Terminal cells that `text` takes. */
export function widthOf(text: string): number {
  if (/^[ -~]*$/u.test(text)) return text.length;
  let cells = 0;
  for (const { segment } of segmenter.segment(text)) cells += cellsOf(segment);
  return cells;
}

export function padTo(text: string, cells: number): string {
  return text + ' '.repeat(Math.max(0, cells - widthOf(text)));
}

/** `text` in at most `cells` cells, with `…` where something is missing. */
export function cutTo(text: string, cells: number): string {
  if (widthOf(text) <= cells) return text;
  let kept = '';
  let used = 1;
  for (const { segment } of segmenter.segment(text)) {
    used += cellsOf(segment);
    if (used > cells) break;
    kept += segment;
  }
  return cells < 1 ? '' : `${kept}…`;
}
