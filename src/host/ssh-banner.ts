/** Asks a private address whether SSH answers there. */
import { connect } from 'node:net';

/**
 * How long an address of our own bridge may take to take up a connection: it is a moment, or a system that has no address yet. There the question is lost,
 * and the kernel would repeat it only after a second, by which time the system has long been up: whoever waits for it asks anew instead.
 */
const connectMs = 100;
/** For the greeting, once taken up: a full host has been seen to take most of a second. */
const greetingMs = 1000;

/** Whether port 22 of `address` greets as RFC 4253, section 4.2 says. Never throws. */
export async function answersSsh(address: string, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  return await new Promise<boolean>((resolve) => {
    const socket = connect({ host: address, port: 22 });
    let timer = setTimeout(() => end(false), connectMs);
    const end = (answer: boolean) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(answer);
    };
    const onAbort = () => end(false);
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('connect', () => {
      clearTimeout(timer);
      timer = setTimeout(() => end(false), greetingMs);
    });
    socket.once('data', (chunk) => end(chunk.subarray(0, 4).toString('latin1') === 'SSH-'));
    socket.once('error', () => end(false));
    socket.once('end', () => end(false));
  });
}
