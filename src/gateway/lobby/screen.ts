/** The output of a channel with a terminal: as wide as the person's window is now, and with the line ends that the kernel adds for programs on a real one. */
import { type Duplex, Writable } from 'node:stream';
import type { Pty } from './seat.ts';

/** Where a client does not say how wide its window is (0), as serial consoles and some programs do. */
const usualSize = { columns: 80, rows: 24 };

export class Screen extends Writable {
  readonly #channel: Duplex;
  readonly #pty: Pty;
  #endsInReturn = false;

  constructor(channel: Duplex, pty: Pty) {
    super({ decodeStrings: false });
    this.#channel = channel;
    this.#pty = pty;
  }

  /** Read by `node:readline`, as of a `tty.WriteStream`. */
  get columns(): number {
    return this.#pty.size().columns || usualSize.columns;
  }

  get rows(): number {
    return this.#pty.size().rows || usualSize.rows;
  }

  /** The channel's own buffer keeps what a slow window has not taken. */
  override _write(chunk: string | Buffer, _encoding: BufferEncoding, done: () => void): void {
    const text = chunk.toString();
    const wasReturn = this.#endsInReturn;
    if (text !== '') this.#endsInReturn = text.endsWith('\r');
    const ended = text.replaceAll(/\r?\n/gu, '\r\n');
    if (this.#channel.writable) this.#channel.write(wasReturn && text.startsWith('\n') ? ended.slice(1) : ended);
    done();
  }
}
