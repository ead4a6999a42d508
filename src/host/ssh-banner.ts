/** Asks a private address whether SSH answers there. */
import { connect } from 'node:net';

/** Between a system that has no sshd yet (refused at once) and one that hangs. */
const patienceMs = 1000;

/** Whether port 22 of `address` greets as RFC 4253, section 4.2 says. Never throws. */
export async function answersSsh(address: string, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  return await new Promise<boolean>((resolve) => {
    const socket = connect({ host: address, port: 22, timeout: patienceMs });
    const end = (answer: boolean) => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(answer);
    };
    const onAbort = () => end(false);
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('data', (chunk) => end(chunk.subarray(0, 4).toString('latin1') === 'SSH-'));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
    socket.once('end', () => end(false));
  });
}
