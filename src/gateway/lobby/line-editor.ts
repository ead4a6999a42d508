/** The prompt's line: Node's readline with history and completion, over keys and a screen that are none of this process's own. */
import { createInterface, type Interface } from 'node:readline';
import { Readable } from 'node:stream';
import { longestLine } from '../../core/lobby-line.ts';
import type { Reader } from './keyboard.ts';
import type { Screen } from './screen.ts';
import type { TypedLine } from './typed-line.ts';

/** What may stand for the last word of a line: the values, and the part of the line they stand for. */
export type Completions = readonly [values: string[], of: string];

const longestHistory = 500;

export class LineEditor implements Reader {
  isBusy = false;
  readonly #screen: Screen;
  readonly #lines: Interface;
  /** Keys come as events, never through the stream's buffer: one line must not reach for the next one's. */
  readonly #keys = new Readable({ read() {} });
  #settle: ((line: TypedLine) => void) | undefined;

  /** `wake` is told when keys are wanted again. `complete` never throws. */
  constructor(screen: Screen, complete: (line: string) => Promise<Completions>, wake: () => void) {
    this.#screen = screen;
    this.#lines = createInterface({
      input: this.#keys,
      output: screen,
      terminal: true,
      historySize: longestHistory,
      removeHistoryDuplicates: true,
      completer: (line: string, offer: (error: null, result: [string[], string]) => void) => {
        this.isBusy = true;
        void complete(line).then(([values, of]) => {
          this.isBusy = false;
          if (this.#settle !== undefined) offer(null, [values, of]);
          wake();
        });
      },
    });
    // readline takes a poorer way of its own where this process was started with TERM=dumb, which says nothing about the person's terminal.
    Reflect.deleteProperty(this.#lines, '_ttyWrite');
    this.#lines.on('line', (text) => this.#end({ kind: 'line', text }));
    this.#lines.on('close', () => this.#end({ kind: 'end' }));
    this.#lines.on('SIGINT', () => {
      this.#lines.write(null, { ctrl: true, name: 'e' });
      this.#lines.write(null, { ctrl: true, name: 'u' });
      screen.write('^C\n');
      this.#end({ kind: 'interrupted' });
    });
    // Without a listener readline would answer ^Z by stopping this whole process.
    this.#lines.on('SIGTSTP', () => {});
  }

  begin(prompt: string, settle: (line: TypedLine) => void): void {
    this.#settle = settle;
    this.#lines.setPrompt(prompt);
    this.#lines.prompt();
  }

  take(bytes: Buffer): void {
    // readline draws a line anew for every key, so an endless one would cost without end.
    const isFull = this.#lines.line.length >= longestLine;
    this.#keys.emit('data', isFull ? bytes.filter((byte) => byte < 0x20 || byte === 0x7f) : bytes);
  }

  end(): void {
    this.#screen.write('\n');
    this.#end({ kind: 'end' });
  }

  /** The window has another size: the line is drawn anew, where one is being typed. */
  resized(): void {
    if (this.#settle !== undefined) this.#screen.emit('resize');
  }

  close(): void {
    this.#settle = undefined;
    this.#lines.close();
  }

  #end(line: TypedLine): void {
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.(line);
  }
}
