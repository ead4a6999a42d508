/**
 * The input of a channel with a terminal, as the kernel's terminal would give it out: to whoever reads a line, and to nobody in between, when it is kept (typed
 * ahead) but for ^C, which interrupts what runs.
 */
import type { Duplex } from 'node:stream';

/** Who gets keys. */
export interface Reader {
  /** At most one key that may end the reading (Enter, Tab, ^C, ^D) is in it, and at its end: what follows may be meant for somebody else. */
  take(bytes: Buffer): void;
  /** Wants no more for the moment; `Keyboard.wake` when it does. */
  readonly isBusy: boolean;
  /** No key comes any more. */
  end(): void;
}

/** A pasted script fits; a file sent by mistake is cut, as the kernel does at 4 KiB. */
const mostTypedAhead = 65_536;
const interrupt = 0x03;
const endings: ReadonlySet<number> = new Set([0x0d, 0x0a, 0x09, interrupt, 0x04]);
/** How much an editor gets at once. */
const most = 512;

export class Keyboard {
  readonly #channel: Duplex;
  readonly #onInterrupt: () => void;
  #ahead = Buffer.alloc(0);
  #reader: Reader | undefined;
  #hasEnded = false;
  #endsInReturn = false;

  constructor(channel: Duplex, onInterrupt: () => void) {
    this.#channel = channel;
    this.#onInterrupt = onInterrupt;
  }

  attach(): void {
    this.#channel.on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onEnd).resume();
    // Its end was seen by whoever had it meanwhile.
    if (this.#channel.readableEnded || this.#channel.destroyed) this.#onEnd();
  }

  /** Leaves the channel paused, with what was typed ahead in it again. */
  detach(): void {
    this.#channel.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onEnd).pause();
    const rest = this.#ahead;
    this.#ahead = Buffer.alloc(0);
    if (rest.length > 0 && !this.#channel.readableEnded && !this.#channel.destroyed) this.#channel.unshift(rest);
  }

  give(reader: Reader): void {
    this.#reader = reader;
    this.wake();
  }

  /** Nobody reads any more. */
  release(): void {
    this.#reader = undefined;
  }

  wake(): void {
    while (this.#ahead.length > 0) {
      const reader = this.#reader;
      if (reader === undefined || reader.isBusy) return;
      const stop = this.#ahead.findIndex((byte) => endings.has(byte));
      const end = Math.min(stop < 0 ? this.#ahead.length : stop + 1, most);
      const piece = this.#ahead.subarray(0, end);
      this.#ahead = this.#ahead.subarray(end);
      reader.take(piece);
    }
    if (this.#hasEnded && this.#reader?.isBusy === false) this.#reader.end();
  }

  readonly #onData = (chunk: Buffer | string): void => {
    // Enter is CR; a client that sends CR LF means one line's end.
    const text = chunk.toString('latin1');
    const bytes = Buffer.from((this.#endsInReturn ? text.replace(/^\n/u, '') : text).replaceAll('\r\n', '\r'), 'latin1');
    this.#endsInReturn = text.endsWith('\r');
    const at = this.#reader === undefined ? bytes.lastIndexOf(interrupt) : -1;
    this.#ahead = at < 0 ? Buffer.concat([this.#ahead, bytes]).subarray(0, mostTypedAhead) : bytes.subarray(at + 1);
    if (at >= 0) this.#onInterrupt();
    this.wake();
  };

  readonly #onEnd = (): void => {
    this.#hasEnded = true;
    this.wake();
  };
}
