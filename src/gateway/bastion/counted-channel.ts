/** What a session channel carries, whoever reads and writes it meanwhile: the lobby, and a server that is entered from it, which has a line of its own beside. */
import type { Duplex, Writable } from 'node:stream';
import type { Counter } from './relay.ts';

/** From now on. At the channel itself, so that it is given on as it is and no listener of ours sets it flowing. */
export function countChannel(channel: Duplex & { readonly stderr: Writable }, counter: Counter): void {
  const push = channel.push.bind(channel);
  // What was read and is put back with `unshift` does not come by here again.
  channel.push = (chunk: unknown, encoding?: BufferEncoding) => {
    counter.in(lengthOf(chunk));
    return push(chunk, encoding);
  };
  for (const stream of [channel, channel.stderr]) {
    const write = stream.write.bind(stream) as (...given: readonly unknown[]) => boolean;
    stream.write = (chunk: unknown, ...rest: readonly unknown[]) => {
      counter.out(lengthOf(chunk));
      return write(chunk, ...rest);
    };
  }
}

function lengthOf(chunk: unknown): number {
  return typeof chunk === 'string' || chunk instanceof Uint8Array ? Buffer.byteLength(chunk) : 0;
}
