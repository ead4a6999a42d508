/** One question on a channel with a terminal, answered without echo: the terminal at the other end is raw, so what is typed comes here alone. */
import type { Duplex } from 'node:stream';

const longestAnswer = 1024;
const enter = new Set(['\r', '\n']);
const giveUp = new Set(['\u0003', '\u0004']);
const rubOut = new Set(['\u0008', '\u007F']);

/** Undefined when the person gave up (^C, ^D) or went away. */
export async function askOnChannel(channel: Duplex, question: string, signal: AbortSignal): Promise<string | undefined> {
  channel.write(question);
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  let bytes: number[] = [];
  const onData = (data: Buffer) => {
    for (const [index, byte] of data.entries()) {
      const key = String.fromCharCode(byte);
      if (enter.has(key) || giveUp.has(key)) {
        const rest = data.subarray(index + 1);
        channel.off('data', onData);
        channel.pause();
        if (rest.length > 0) channel.unshift(rest);
        return resolve(enter.has(key) ? Buffer.from(bytes).toString('utf8') : undefined);
      }
      if (rubOut.has(key)) bytes = withoutLast(bytes);
      else if (bytes.length < longestAnswer) bytes.push(byte);
    }
  };
  const onGone = () => resolve(undefined);
  channel.on('data', onData);
  channel.once('end', onGone);
  signal.addEventListener('abort', onGone, { once: true });
  channel.resume();
  const answer = await promise;
  channel.off('data', onData);
  channel.off('end', onGone);
  signal.removeEventListener('abort', onGone);
  channel.write('\r\n');
  return answer;
}

/** One character of UTF-8 may be several bytes. */
function withoutLast(bytes: readonly number[]): number[] {
  let end = bytes.length - 1;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.slice(0, Math.max(0, end));
}
