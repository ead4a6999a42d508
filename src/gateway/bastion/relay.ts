/**
 * Bytes from here to there and back, each direction for itself: it ends when its own sender ends, so a half-closed channel finishes; and it waits for its
 * own receiver, so a stuck peer holds up nobody and fills no memory (`pipe` stops reading, and then SSH's window stops the sender).
 */
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { Channel } from 'ssh2';
import { sendEof, socketOfChannel } from './ssh2-extras.ts';

export interface Counter {
  in(bytes: number): void;
  out(bytes: number): void;
}

/** How long a server's port may take to answer. */
const connectMs = 10_000;
/** What may wait in here for one stream; with Node's own 64 KiB there would be nothing to gather. */
const waitingBytes = 2 ** 19;

/** How long a server may take for the last bytes of somebody who has gone. */
const lastBytesMs = 30_000;

/** Throws what Node says when nobody answers. */
export async function connectTo(address: string, port: number, signal: AbortSignal): Promise<Socket> {
  const options = { host: address, port, allowHalfOpen: true, noDelay: true, highWaterMark: waitingBytes };
  const socket = connect(options);
  try {
    await once(socket, 'connect', { signal: AbortSignal.any([signal, AbortSignal.timeout(connectMs)]) });
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** All of it, until both directions have ended or one end has gone. `channel` is the person's. Never throws. */
export async function relay(channel: Channel, other: Socket, counter: Counter): Promise<void> {
  const person = socketOfChannel(channel);
  channel.on('data', (data: Buffer) => {
    counter.in(data.length);
    gather(other);
  });
  other.on('data', (data: Buffer) => {
    counter.out(data.length);
    gather(person);
  });
  channel.pipe(other);
  other.pipe(channel, { end: false });
  other.once('end', () => afterWrites(channel, () => sendEof(channel)));
  const over = [ended(channel), ended(other)];
  await Promise.race([Promise.all([once(channel, 'end').catch(() => {}), once(other, 'end').catch(() => {})]), ...over]);
  await flushed(channel);
  channel.close();
  other.destroySoon();
  const late = setTimeout(() => other.destroy(), lastBytesMs);
  other.once('close', () => clearTimeout(late));
}

/** Two channels of SSH, as for an agent or X11: the same, and both are closed. */
export async function relayChannels(one: Channel, other: Channel, counter: Counter): Promise<void> {
  one.on('data', (data: Buffer) => counter.in(data.length));
  other.on('data', (data: Buffer) => counter.out(data.length));
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.pipe(to, { end: false });
    from.once('end', () => afterWrites(to, () => sendEof(to)));
  }
  await Promise.race([Promise.all([once(one, 'end').catch(() => {}), once(other, 'end').catch(() => {})]), ended(one), ended(other)]);
  await Promise.all([flushed(one), flushed(other)]);
  one.close();
  other.close();
}

/**
 * What is written in this turn of the loop goes out at its end, as one: a stream arrives in many packets, and to write each of them alone costs more than
 * all of the cryptography. Nothing waits for it.
 */
function gather(stream: Writable): void {
  if (stream.writableCorked > 0) return;
  stream.cork();
  setImmediate(() => stream.uncork());
}

/** Calls back when everything that was written before has been taken. */
export function afterWrites(stream: Writable, callback: () => void): void {
  if (stream.writable) stream.write(Buffer.alloc(0), () => callback());
  else callback();
}

/** What is written on it, and on its error side where that is given, has gone out, or the peer has gone. */
export async function flushed(channel: Channel, errors?: Writable): Promise<void> {
  if (!channel.writable) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  afterWrites(channel, () => (errors === undefined ? resolve() : afterWrites(errors, resolve)));
  await Promise.race([promise, ended(channel)]);
}

function ended(stream: Writable): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  stream.once('close', () => resolve());
  stream.once('error', () => resolve());
  return promise;
}
