/** A seat over a channel in memory: the other end types and looks. */
import assert from 'node:assert/strict';
import { duplexPair, PassThrough, type Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { MemoryControl } from '../../commands/memory-control.testing.ts';
import { serverOf } from '../../commands/memory-views.testing.ts';
import { parsePersonName } from '../../core/names.ts';
import type { EnterRequest } from '../../core/login.ts';
import type { Seat, TerminalSize } from './seat.ts';

export interface SeatOptions {
  readonly control?: MemoryControl;
  /** Undefined: `xterm`, 80 columns; null: no terminal. */
  readonly pty?: { readonly term?: string; readonly noColour?: boolean; readonly columns?: number } | null;
  readonly onEnter?: (request: EnterRequest, channel: Duplex) => Promise<number>;
}

export class TestSeat {
  readonly control: MemoryControl;
  readonly seat: Seat;
  readonly entered: EnterRequest[] = [];
  readonly #far: Duplex;
  readonly #hangUp = new AbortController();
  readonly #interrupts = new Set<() => void>();
  readonly #resizes = new Set<(size: TerminalSize) => void>();
  #size: TerminalSize;
  /** All that came out so far. */
  output = '';
  errors = '';

  constructor({ control = controlWithServers(), pty = {}, onEnter }: SeatOptions = {}) {
    this.control = control;
    const [near, far] = duplexPair();
    this.#far = far;
    this.#size = { columns: pty?.columns ?? 80, rows: 24 };
    far.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    const errors = new PassThrough();
    errors.setEncoding('utf8').on('data', (text: string) => (this.errors += text));
    this.seat = {
      person: parsePersonName('jbond007'),
      client: control.client,
      channel: near,
      errors: pty === null ? errors : near,
      pty:
        pty === null
          ? undefined
          : {
              term: pty.term ?? 'xterm',
              noColour: pty.noColour ?? false,
              size: () => this.#size,
              onResize: (callback) => listening(this.#resizes, callback),
            },
      host: 'servers.example.org',
      port: 3022,
      version: '1.2.3',
      signal: this.#hangUp.signal,
      onInterrupt: (callback) => listening(this.#interrupts, callback),
      enter: async (request) => {
        this.entered.push(request);
        return (await onEnter?.(request, near)) ?? 0;
      },
    };
  }

  /** Each byte alone, as a slow network would bring them. */
  type(text: string): void {
    for (const byte of Buffer.from(text)) this.#far.write(Buffer.from([byte]));
  }

  /** All in one piece. */
  paste(text: string): void {
    this.#far.write(text);
  }

  endInput(): void {
    this.#far.end();
  }

  hangUp(): void {
    this.#far.destroy();
    this.#hangUp.abort();
  }

  interrupt(): void {
    for (const callback of this.#interrupts) callback();
  }

  resize(columns: number): void {
    this.#size = { columns, rows: 24 };
    for (const callback of this.#resizes) callback(this.#size);
  }

  /** Waits until what came since the last look matches, and takes it. */
  async see(expected: RegExp | string): Promise<string> {
    for (let tries = 0; tries < 400; tries += 1) {
      const found = typeof expected === 'string' ? undefined : expected.exec(this.output);
      const at = typeof expected === 'string' ? this.output.indexOf(expected) : (found?.index ?? -1);
      if (at >= 0) {
        const seen = this.output.slice(0, at + (found?.[0] ?? String(expected)).length);
        this.output = this.output.slice(seen.length);
        return seen;
      }
      await sleep(10);
    }
    return assert.fail(`${String(expected)} did not come; what came: ${JSON.stringify(this.output)}`);
  }

  get listeners(): { readonly interrupts: number; readonly resizes: number } {
    return { interrupts: this.#interrupts.size, resizes: this.#resizes.size };
  }
}

export function controlWithServers(): MemoryControl {
  const control = new MemoryControl();
  control.servers.set(123, serverOf(123));
  control.servers.set(7, serverOf(7, { status: 'stopped', name: 'mybox' }));
  return control;
}

function listening<Callback>(all: Set<Callback>, callback: Callback): () => void {
  all.add(callback);
  return () => void all.delete(callback);
}
