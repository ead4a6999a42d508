/** Which modes a stream of bytes for a terminal has left set: DECSET and DECRST (xterm's ctlseqs, "DEC Private Mode Set"), and the keypad's. */

export interface Modes {
  /** The next bytes; a sequence may be cut anywhere. */
  scan(data: Buffer): void;
  /** What sets the same modes again. */
  text(): string;
}

const escape = 0x1b;
/** Longer ones set nothing of this kind. */
const longestSequence = 64;
/** Set in a terminal that was just reset: for these, being reset is what is to be told. */
const setAtFirst = new Set([7, 25]);
/** More are a stranger's doing; those of xterm are about forty. */
const mostModes = 100;

export function makeModes(): Modes {
  const modes = new Map<number, boolean>();
  let isKeypad = false;
  let begun = '';

  function apply(sequence: string): void {
    if (sequence === '\u{1B}c') {
      modes.clear();
      isKeypad = false;
    } else if (sequence === '\u{1B}=' || sequence === '\u{1B}>') isKeypad = sequence.endsWith('=');
    const isPrivate = sequence.startsWith('\u{1B}[?') && /[hl]$/u.test(sequence);
    const numbers = isPrivate ? sequence.slice(3, -1).split(';') : [];
    for (const number of numbers.filter((text) => /^\d{1,5}$/u.test(text)))
      if (modes.has(Number(number)) || modes.size < mostModes) modes.set(Number(number), sequence.endsWith('h'));
  }

  return {
    scan(data) {
      const text = begun === '' ? data : Buffer.concat([Buffer.from(begun, 'latin1'), data]);
      begun = '';
      for (let at = text.indexOf(escape); at !== -1; at = text.indexOf(escape, at + 1)) {
        const end = endOf(text, at);
        if (end === undefined) {
          begun = text.toString('latin1', at);
          if (begun.length > longestSequence) begun = '';
          return;
        }
        if (end > at) apply(text.toString('latin1', at, end));
      }
    },
    text() {
      const told = [...modes].filter(([number, isSet]) => isSet !== setAtFirst.has(number));
      return `${told.map(([number, isSet]) => `\u{1B}[?${number}${isSet ? 'h' : 'l'}`).join('')}${isKeypad ? '\u{1B}=' : ''}`;
    },
  };
}

/** Where the sequence that begins at `at` ends; `at` itself for one that is not of our kinds, undefined for one that is not whole yet. */
function endOf(text: Buffer, at: number): number | undefined {
  const second = text[at + 1];
  if (second === undefined) return undefined;
  if (second === 0x63 || second === 0x3d || second === 0x3e) return at + 2;
  if (second !== 0x5b) return at;
  for (let next = at + 2; next < at + longestSequence; next += 1) {
    const byte = text[next];
    if (byte === undefined) return undefined;
    if (byte >= 0x40 && byte <= 0x7e) return next + 1;
    if (byte < 0x20 || byte > 0x3f) return at;
  }
  return at;
}
