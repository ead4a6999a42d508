/**
 * The last of what a terminal showed, for whoever comes back to it or looks over a shoulder. It is kept as the bytes that came, in blocks, so that nothing is
 * parsed while they flow; what is dropped at its beginning is looked through for the modes that it set (full screen, mouse, bracketed paste), and these are put
 * before what is left.
 */
import { makeModes } from './terminal-modes.ts';

const blockBytes = 16 * 1024;

export interface Scrollback {
  add(data: Buffer): void;
  /** What shows the same again in a terminal that has just been reset. */
  replay(): Buffer;
  /** Whether something is missing at its beginning: a program that fills the screen is to draw it anew then. */
  readonly isCut: boolean;
  /** Held in memory. */
  readonly bytes: number;
}

/** `mostBytes`: some screens full of a busy program; each live terminal takes at most this. */
export function makeScrollback(mostBytes = 256 * 1024): Scrollback {
  const modes = makeModes();
  const blocks: { readonly bytes: Buffer; used: number }[] = [];
  let isCut = false;

  function room(): { readonly bytes: Buffer; used: number } {
    const last = blocks.at(-1);
    if (last !== undefined && last.used < blockBytes) return last;
    if (blocks.length * blockBytes >= mostBytes) {
      const first = blocks.shift();
      if (first !== undefined) modes.scan(first.bytes.subarray(0, first.used));
      isCut = true;
    }
    const fresh = { bytes: Buffer.allocUnsafeSlow(blockBytes), used: 0 };
    blocks.push(fresh);
    return fresh;
  }

  return {
    get isCut() {
      return isCut;
    },
    get bytes() {
      return blocks.length * blockBytes;
    },
    add(data) {
      for (let at = 0; at < data.length;) {
        const block = room();
        const count = data.copy(block.bytes, block.used, at);
        block.used += count;
        at += count;
      }
    },
    replay() {
      const kept = Buffer.concat(blocks.map(({ bytes, used }) => bytes.subarray(0, used)));
      if (!isCut) return kept;
      // A cut falls into the midst of a character or a sequence; a new line begins behind it, where there is one.
      const line = kept.indexOf(0x0a);
      return Buffer.concat([Buffer.from(modes.text()), line === -1 || line > blockBytes ? kept : kept.subarray(line + 1)]);
    },
  };
}
