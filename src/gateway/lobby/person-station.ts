import type { Duplex } from 'node:stream';
import { Secret } from '../../base/secret.ts';
import type { Terminal } from '../../commands/context.ts';
import { fault } from '../../core/errors.ts';
import { Keyboard, type Reader } from './keyboard.ts';
import { type Completions, LineEditor } from './line-editor.ts';
import { PlainLine } from './plain-line.ts';
import { Screen } from './screen.ts';
import type { Pty } from './seat.ts';
import type { Station } from './station.ts';
import type { TypedLine } from './typed-line.ts';

export interface PersonHooks {
  /** ^C while nobody reads a line. */
  readonly onInterrupt: () => void;
  /** See `LineEditor`. */
  readonly complete: (line: string) => Promise<Completions>;
}

/** A connection that broke off in a server leaves these as a program there set them: colours, a hidden cursor, reports of the mouse, marks around what is pasted. */
const asNew = '\u001B[0m\u001B[?25h\u001B[?1000l\u001B[?2004l';

/** For a channel with a terminal and a person at it. */
export class PersonStation implements Station {
  readonly terminal: Terminal;
  readonly #screen: Screen;
  readonly #keyboard: Keyboard;
  /** Undefined on a dumb terminal, where a line cannot be drawn anew. */
  readonly #editor: LineEditor | undefined;
  readonly #unsize: () => void;
  #isOpen = true;
  #wasAway = false;

  constructor(channel: Duplex, pty: Pty, { onInterrupt, complete }: PersonHooks) {
    const isDumb = pty.term === 'dumb';
    this.#screen = new Screen(channel, pty);
    this.#keyboard = new Keyboard(channel, () => {
      this.#write('^C\n');
      onInterrupt();
    });
    this.#editor = isDumb ? undefined : new LineEditor(this.#screen, complete, () => this.#keyboard.wake());
    this.#unsize = pty.onResize(() => this.#editor?.resized());
    this.terminal = this.#makeTerminal(isDumb, !isDumb && !pty.noColour);
    this.#keyboard.attach();
  }

  line(prompt: string): Promise<TypedLine> {
    const editor = this.#editor;
    if (editor === undefined) return this.#plain(prompt, false);
    if (this.#wasAway) this.#write(asNew);
    this.#wasAway = false;
    return this.#read((settle) => {
      editor.begin(prompt, settle);
      return editor;
    });
  }

  async handOver(act: () => Promise<number>): Promise<number> {
    this.#keyboard.detach();
    this.#wasAway = true;
    try {
      return await act();
    } finally {
      if (this.#isOpen) this.#keyboard.attach();
    }
  }

  close(): void {
    if (this.#isOpen) this.#keyboard.detach();
    this.#isOpen = false;
    this.#unsize();
    this.#editor?.close();
  }

  #makeTerminal(isDumb: boolean, colour: boolean): Terminal {
    const screen = this.#screen;
    const write = (text: string) => this.#write(text);
    return {
      write,
      writeError: write,
      isTerminal: true,
      get columns() {
        return screen.columns;
      },
      colour,
      get live() {
        return isDumb ? undefined : { columns: screen.columns };
      },
      ask: (question) => this.#answer(question, false),
      askSecret: async (question) => new Secret(await this.#answer(`${question}: `, true)),
      readLine: () => this.#inputLine(),
      readAll: async () => {
        write('Paste it now, then press Enter and Ctrl-D.\n');
        const lines = [];
        for (let line = await this.#inputLine(); line !== undefined; line = await this.#inputLine()) lines.push(line);
        return lines.join('\n');
      },
    };
  }

  #write(text: string): void {
    if (this.#isOpen) this.#screen.write(text);
  }

  /** `begin` shows what there is to show and says who takes the keys. */
  #read(begin: (settle: (line: TypedLine) => void) => Reader): Promise<TypedLine> {
    const { promise, resolve } = Promise.withResolvers<TypedLine>();
    const reader = begin((line) => {
      this.#keyboard.release();
      resolve(line);
    });
    this.#keyboard.give(reader);
    return promise;
  }

  #plain(question: string, isSecret: boolean): Promise<TypedLine> {
    return this.#read((settle) => {
      this.#write(question);
      return new PlainLine(this.#screen, isSecret, settle);
    });
  }

  async #answer(question: string, isSecret: boolean): Promise<string> {
    const line = await this.#plain(question, isSecret);
    if (line.kind !== 'line') throw fault('cancelled', 'nothing was done: the question was not answered');
    return line.text;
  }

  /** Standard input of a command, typed; undefined at ^D. */
  async #inputLine(): Promise<string | undefined> {
    const line = await this.#plain('', false);
    if (line.kind === 'interrupted') throw fault('cancelled', 'interrupted');
    return line.kind === 'line' ? line.text : undefined;
  }
}
