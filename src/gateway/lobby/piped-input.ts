/** The input of a channel without a terminal, read only when something asks for it: what is left goes to the server that is entered, or stays in the channel. */
import type { Duplex } from 'node:stream';
import { fault } from '../../core/errors.ts';

/** Keys, passwords and scripts of commands are far smaller. */
const mostBytes = 1_000_000;

export class PipedInput {
  readonly #channel: Duplex;
  #kept = Buffer.alloc(0);
  #hasEnded = false;

  constructor(channel: Duplex) {
    this.#channel = channel;
  }

  /** The next line without its end; undefined at the end. */
  async line(): Promise<string | undefined> {
    let searched = 0;
    for (;;) {
      const end = this.#kept.indexOf(0x0a, searched);
      if (end >= 0) return this.#cut(end, end + 1).replace(/\r$/u, '');
      searched = this.#kept.length;
      if (!(await this.#more())) return this.#kept.length === 0 ? undefined : this.#cut(this.#kept.length);
    }
  }

  async all(): Promise<string> {
    while (await this.#more());
    return this.#cut(this.#kept.length);
  }

  /** Puts back what was read and not used. */
  release(): void {
    if (this.#kept.length > 0 && !this.#hasEnded && !this.#channel.destroyed) this.#channel.unshift(this.#kept);
    if (!this.#hasEnded) this.#kept = Buffer.alloc(0);
  }

  #cut(end: number, next = end): string {
    const text = this.#kept.subarray(0, end).toString('utf8');
    this.#kept = this.#kept.subarray(next);
    return text;
  }

  async #more(): Promise<boolean> {
    const chunk = this.#hasEnded ? null : await this.#chunk();
    if (chunk === null) {
      this.#hasEnded = true;
      return false;
    }
    this.#kept = Buffer.concat([this.#kept, chunk]);
    if (this.#kept.length > mostBytes)
      throw fault('body-too-large', `more than ${mostBytes} bytes came on standard input, which no command here takes`);
    return true;
  }

  /** Null at the end. */
  async #chunk(): Promise<Buffer | null> {
    const channel = this.#channel;
    for (;;) {
      const chunk = channel.read() as Buffer | null;
      if (chunk !== null) return chunk;
      if (channel.readableEnded || channel.destroyed) return null;
      await new Promise<void>((resolve) => {
        const done = () => {
          channel.off('readable', done).off('end', done).off('close', done);
          resolve();
        };
        channel.on('readable', done).on('end', done).on('close', done);
      });
    }
  }
}
