/**
 * A line taken apart as a POSIX shell would (Shell Command Language 2.2 and 2.3: quotes, backslashes, comments), with nothing expanded and nothing run: what
 * a shell would have acted upon is only reported.
 */
import { fault } from './errors.ts';

export interface ShellWord {
  /** Without its quotes. */
  readonly text: string;
  /** Where it begins in the line. */
  readonly start: number;
}

/** Something with a meaning for a shell that stands outside quotes: `|`, `;`, `$`. */
export interface ShellSign {
  readonly sign: string;
  readonly start: number;
}

export interface ShellLine {
  readonly words: readonly ShellWord[];
  readonly signs: readonly ShellSign[];
}

/** Operators stand for themselves; `$` and a backtick are part of a word. */
const operator = /^(?:&&|\|\||;;|<<-?|>>|[<>]&|<>|>\||[;|&<>()\n\r])/u;
const spaces = new Set([' ', '\t', '\u000B', '\u000C']);

/** Throws `bad-request` where a quote is not closed. */
export function shellLine(line: string): ShellLine {
  const words: ShellWord[] = [];
  const signs: ShellSign[] = [];
  let open: { text: string; readonly start: number } | undefined;
  const end = () => {
    if (open !== undefined) words.push(open);
    open = undefined;
  };
  for (let at = 0; at < line.length;) {
    const character = line[at] ?? '';
    const found = operator.exec(line.slice(at, at + 3))?.[0];
    if (spaces.has(character) || found !== undefined) {
      end();
      if (found !== undefined) signs.push({ sign: found, start: at });
      at += found?.length ?? 1;
    } else if (character === '#' && open === undefined) {
      const next = line.indexOf('\n', at);
      at = next < 0 ? line.length : next;
    } else {
      if (character === '$' || character === '`') signs.push({ sign: character, start: at });
      const piece = pieceAt(line, at);
      open = { text: (open?.text ?? '') + piece.text, start: open?.start ?? at };
      at = piece.end;
    }
  }
  end();
  return { words, signs };
}

/** A quoted part, an escaped character, or one plain one. */
function pieceAt(line: string, at: number): { readonly text: string; readonly end: number } {
  const character = line[at] ?? '';
  // A backslash before a line's end joins the lines; alone at the very end it is itself.
  if (character === '\\') return { text: line[at + 1] === '\n' ? '' : (line[at + 1] ?? '\\'), end: at + 2 };
  if (character === "'") {
    const close = line.indexOf("'", at + 1);
    if (close < 0) throw unclosed("'");
    return { text: line.slice(at + 1, close), end: close + 1 };
  }
  if (character !== '"') return { text: character, end: at + 1 };
  let text = '';
  for (let inside = at + 1; inside < line.length; inside += 1) {
    const one = line[inside] ?? '';
    if (one === '"') return { text, end: inside + 1 };
    const next = line[inside + 1] ?? '';
    if (one === '\\' && next !== '' && '$`"\\\n'.includes(next)) {
      text += next === '\n' ? '' : next;
      inside += 1;
    } else text += one;
  }
  throw unclosed('"');
}

function unclosed(quote: string): Error {
  return fault(
    'bad-request',
    `a quote ${quote} is opened and not closed: close it, or write \\${quote} for the character itself (a shell on your side takes one pair of quotes away)`,
  );
}
