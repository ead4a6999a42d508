/**
 * One line read as the kernel's terminal reads it: no history, no cursor, only taking back what was typed. For answers, for passwords (without echo), and for
 * terminals that are dumb.
 */
import { StringDecoder } from 'node:string_decoder';
import type { Writable } from 'node:stream';
import { widthOf } from '../../commands/plain-text.ts';
import { longestLine } from '../../core/lobby-line.ts';
import type { Reader } from './keyboard.ts';
import type { TypedLine } from './typed-line.ts';

/** ECMA-48: a control sequence or function key, or an escape with one character. */
const escapeSequence = new RegExp(String.raw`\u001B(?:\[[0-?]*[ -/]*[@-~]?|O.?|.?)`, 'gsu');

export class PlainLine implements Reader {
  readonly isBusy = false;
  readonly #screen: Writable;
  readonly #isSecret: boolean;
  readonly #settle: (line: TypedLine) => void;
  readonly #decoder = new StringDecoder('utf8');
  #typed: string[] = [];

  constructor(screen: Writable, isSecret: boolean, settle: (line: TypedLine) => void) {
    this.#screen = screen;
    this.#isSecret = isSecret;
    this.#settle = settle;
  }

  take(bytes: Buffer): void {
    for (const character of this.#decoder.write(bytes).replaceAll(escapeSequence, '')) {
      if (character === '\r' || character === '\n') return this.#end({ kind: 'line', text: this.#typed.join('') });
      if (character === '\u0003') return this.#end({ kind: 'interrupted' }, '^C');
      if (character === '\u0004' && this.#typed.length === 0) return this.#end({ kind: 'end' });
      if (character === '\u007F' || character === '\b') this.#takeBack(1);
      else if (character === '\u0015') this.#takeBack(this.#typed.length);
      else if (character === '\t') this.#add(' ');
      else if (!/\p{Cc}/u.test(character)) this.#add(character);
    }
  }

  end(): void {
    this.#end({ kind: 'end' });
  }

  #add(character: string): void {
    if (this.#typed.length >= longestLine) return;
    this.#typed.push(character);
    if (!this.#isSecret) this.#screen.write(character);
  }

  #takeBack(count: number): void {
    for (const character of this.#typed.splice(this.#typed.length - count, count))
      if (!this.#isSecret) this.#screen.write('\b \b'.repeat(widthOf(character)));
  }

  #end(line: TypedLine, mark = ''): void {
    this.#screen.write(`${mark}\n`);
    this.#settle(line);
  }
}
