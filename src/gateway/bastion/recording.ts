/**
 * What a terminal showed, as asciicast v2 (docs.asciinema.org/manual/asciicast/v2), written beside the session and never in its way: nobody waits for the
 * disk. What a slow disk has not taken is held up to a bound; beyond it output is missing from the recording, with a marker where. Whatever fails ends the
 * recording alone.
 */
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { Log } from '../../base/log.ts';
import { recordingName, recordingSuffix } from '../../core/recording.ts';
import type { TerminalSize } from '../lobby/seat.ts';

export interface Recording {
  /** As the terminal got it, cut anywhere. */
  output(data: Buffer): void;
  resize(size: TerminalSize): void;
  end(): void;
}

export interface Recorded {
  /** Of the session, in the ledger. */
  readonly id: string;
  readonly server: { readonly id: number; readonly generation: string };
  /** Undefined: somebody without an account. */
  readonly person: string | undefined;
  /** Inside. */
  readonly user: string;
  readonly term: string;
  readonly size: TerminalSize;
}

export interface RecorderOptions {
  readonly dir: string;
  /** Of one recording. */
  readonly mostBytes: number;
  /** The disk is nearly full (recording-room.ts). */
  readonly isDiskLow: () => boolean;
  readonly log: Log;
  /** Wall clock, in milliseconds. */
  readonly now: () => number;
  /** Milliseconds from any beginning, never backwards. */
  readonly monotonic: () => number;
  readonly create: (path: string) => Writable;
}

/** Lines that wait for the disk. Less, and a disk that is busy for a moment leaves gaps; more, and many sessions on a dead disk take the worker's memory. */
export const mostBacklogBytes = 2 ** 20;

export const realRecorder = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  create: (path: string) => createWriteStream(path, { flags: 'wx', mode: 0o600 }),
} as const;

export function beginRecording(about: Recorded, { dir, mostBytes, isDiskLow, log, now, monotonic, create }: RecorderOptions): Recording {
  const startedMs = now();
  const began = monotonic();
  const name = recordingName(startedMs, about.id, about.server.generation);
  const decoder = new StringDecoder('utf8');
  const stream = create(join(dir, `${name}${recordingSuffix}`));
  let writtenBytes = 0;
  let missingBytes = 0;
  let missedSize: string | undefined;
  let isOver = false;

  stream.on('error', (error) => {
    isOver = true;
    log.warn({ recording: name, error: error.message }, 'a recording ended early; its session goes on');
    stream.destroy();
  });

  function secondsNow(): number {
    return Number(((monotonic() - began) / 1000).toFixed(6));
  }

  function write(bytes: Buffer): void {
    writtenBytes += bytes.length;
    stream.write(bytes);
  }

  function finish(): void {
    if (isOver) return;
    isOver = true;
    stream.end();
  }

  /** What was left out is told where it would have been. */
  function tellMissing(seconds: number): void {
    if (missingBytes > 0) write(lineOf([seconds, 'm', `${missingBytes} bytes of output are missing here: the disk was too slow`]));
    if (missedSize !== undefined) write(lineOf([seconds, 'r', missedSize]));
    [missingBytes, missedSize] = [0, undefined];
  }

  function endEarly(seconds: number, why: string): void {
    write(lineOf([seconds, 'm', `the recording ends here: ${why}`]));
    log.warn({ recording: name }, `a recording ended early, its session goes on: ${why}`);
    finish();
  }

  function put(kind: 'o' | 'r', text: string): void {
    if (isOver || text === '') return;
    const seconds = secondsNow();
    const bytes = lineOf([seconds, kind, text]);
    // Once full it is left to drain to a half: one gap, not hundreds of little ones.
    const room = missingBytes > 0 ? mostBacklogBytes / 2 : mostBacklogBytes;
    if (stream.writableLength + bytes.length > room) {
      if (kind === 'r') missedSize = text;
      else missingBytes += Buffer.byteLength(text);
    } else if (writtenBytes + bytes.length > mostBytes) endEarly(seconds, `it has reached its limit of ${mostBytes} bytes`);
    else if (isDiskLow()) endEarly(seconds, 'the disk of recordings is nearly full');
    else {
      tellMissing(seconds);
      write(bytes);
    }
  }

  write(lineOf(headerOf(about, startedMs)));
  return {
    output: (data) => put('o', decoder.write(data)),
    resize: ({ columns, rows }) => (columns > 0 && rows > 0 ? put('r', `${columns}x${rows}`) : undefined),
    end() {
      put('o', decoder.end());
      if (!isOver) tellMissing(secondsNow());
      finish();
    },
  };
}

/** `myserver`: for control, and passed over by players. */
function headerOf({ server, person, user, term, size }: Recorded, startedMs: number): object {
  return {
    version: 2,
    // A client without a terminal of its own says 0, which no player takes.
    width: size.columns || 80,
    height: size.rows || 24,
    timestamp: Math.floor(startedMs / 1000),
    title: `${person ?? 'somebody without an account'} as ${user} on server ${server.id}`,
    env: { TERM: term },
    myserver: { person, user, server: server.id },
  };
}

function lineOf(value: object): Buffer {
  return Buffer.from(`${JSON.stringify(value)}\n`);
}
