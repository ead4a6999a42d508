/**
 * One terminal on one server, with everybody who looks at it. It belongs to the gateway and not to a page: a page that is loaded anew, a lost network and a
 * second device find it as it was. The server's output is held up only where every view is behind, so that none loses a byte that could be shown in time, and a
 * slow one holds nobody up: it is shown the scrollback anew.
 */
import type { FromTerminal, WatchMode } from '../../contract/terminal.ts';
import { makeScrollback } from './scrollback.ts';

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** The end that leads to the server. */
export interface TerminalProgram {
  write(data: Buffer): boolean;
  resize(size: TerminalSize): void;
  pause(): void;
  resume(): void;
  end(): void;
}

/** One page that shows the terminal. */
export interface View {
  readonly mode: WatchMode;
  output(data: Buffer): void;
  tell(message: FromTerminal): void;
  close(): void;
}

export interface Attachment {
  /** Typed. Of a view that only watches it is nothing. */
  input(data: Buffer): boolean;
  resize(size: TerminalSize): void;
  /** So many bytes, from the first that this view was given, have been shown. */
  shown(bytes: number): void;
  detach(): void;
}

export interface TerminalSession {
  attach(view: View, size: TerminalSize): Attachment;
  output(data: Buffer): void;
  /** Takes no more; everybody is told why. */
  over(reason: string): void;
  readonly viewers: number;
  readonly size: TerminalSize;
  readonly isOver: boolean;
}

export interface TerminalSessionOptions {
  readonly program: TerminalProgram;
  readonly size: TerminalSize;
  readonly onResize: (size: TerminalSize) => void;
  /** Nobody has looked for so long. */
  readonly forsakenMs: number;
  readonly onForsaken: () => void;
}

/** Given and not yet shown: beyond it a view is behind. More, and ^C waits for what is under way; less, and far-away views starve. */
const behindBytes = 192 * 1024;
const caughtUpBytes = 96 * 1024;
/** Beyond it a view is given nothing more until it has shown all that it has, and then the scrollback. */
const lostBytes = 2 * 2 ** 20;

export function makeTerminalSession(options: TerminalSessionOptions): TerminalSession {
  return new SharedTerminal(options);
}

interface Seen {
  readonly view: View;
  given: number;
  shown: number;
  isLost: boolean;
}

const waiting = ({ given, shown }: Seen) => given - shown;

class SharedTerminal implements TerminalSession {
  readonly #options: TerminalSessionOptions;
  readonly #scrollback = makeScrollback();
  readonly #seen = new Set<Seen>();
  #size: TerminalSize;
  #isPaused = false;
  #isOver = false;
  #forsaken: NodeJS.Timeout;

  constructor(options: TerminalSessionOptions) {
    this.#options = options;
    this.#size = options.size;
    this.#forsaken = this.#waitForSomebody();
  }

  get viewers(): number {
    return this.#seen.size;
  }

  get size(): TerminalSize {
    return this.#size;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  output(data: Buffer): void {
    this.#scrollback.add(data);
    for (const one of this.#seen) {
      if (one.isLost) continue;
      give(one, data);
      one.isLost = waiting(one) > lostBytes;
    }
    this.#balance();
  }

  over(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#forsaken);
    for (const { view } of this.#seen) {
      view.tell({ kind: 'over', reason });
      view.close();
    }
    this.#seen.clear();
  }

  attach(view: View, wanted: TerminalSize): Attachment {
    clearTimeout(this.#forsaken);
    const one: Seen = { view, given: 0, shown: 0, isLost: false };
    if (view.mode === 'type') this.#change(wanted);
    else view.tell({ kind: 'resized', ...this.#size });
    this.#seen.add(one);
    this.#giveAgain(one);
    if (this.#scrollback.isCut) this.#drawAnew();
    this.#balance();
    this.#tellViewers();
    return {
      input: (data) => view.mode !== 'type' || this.#isOver || this.#options.program.write(data),
      resize: (next) => (view.mode === 'type' ? this.#change(next, one) : undefined),
      shown: (bytes) => this.#shown(one, bytes),
      detach: () => this.#detach(one),
    };
  }

  #shown(one: Seen, bytes: number): void {
    if (bytes > one.given || bytes < one.shown) return;
    one.shown = bytes;
    if (one.isLost && waiting(one) === 0) {
      one.isLost = false;
      one.view.tell({ kind: 'again' });
      this.#giveAgain(one);
    }
    this.#balance();
  }

  #giveAgain(one: Seen): void {
    const replay = this.#scrollback.replay();
    if (replay.length === 0) return;
    one.view.tell({ kind: 'replay' });
    give(one, replay);
  }

  #detach(one: Seen): void {
    if (!this.#seen.delete(one) || this.#isOver) return;
    this.#balance();
    this.#tellViewers();
    if (this.#seen.size === 0) this.#forsaken = this.#waitForSomebody();
  }

  #waitForSomebody(): NodeJS.Timeout {
    return setTimeout(this.#options.onForsaken, this.#options.forsakenMs).unref();
  }

  /** The server waits for the one that is furthest ahead, and for nobody else; where nobody looks, for nobody. */
  #balance(): void {
    const { program } = this.#options;
    const following = [...this.#seen].filter(({ isLost }) => !isLost);
    const least = following.length === 0 ? 0 : Math.min(...following.map(waiting));
    if (!this.#isPaused && least > behindBytes) {
      this.#isPaused = true;
      program.pause();
    } else if (this.#isPaused && least < caughtUpBytes) {
      this.#isPaused = false;
      program.resume();
    }
  }

  #change(next: TerminalSize, by?: Seen): void {
    if (next.columns === this.#size.columns && next.rows === this.#size.rows) return;
    this.#size = next;
    this.#options.program.resize(next);
    this.#options.onResize(next);
    for (const one of this.#seen) if (one !== by) one.view.tell({ kind: 'resized', ...next });
  }

  /** Programs that fill the screen do so when its size changes. */
  #drawAnew(): void {
    this.#options.program.resize({ ...this.#size, rows: this.#size.rows + 1 });
    this.#options.program.resize(this.#size);
  }

  #tellViewers(): void {
    for (const { view } of this.#seen) view.tell({ kind: 'viewers', count: this.#seen.size });
  }
}

function give(one: Seen, data: Buffer): void {
  one.given += data.length;
  one.view.output(data);
}
