/**
 * A process inside the engine's network that waits for SSH to greet at private addresses, for `banner.ts`. A question that meets a system without an
 * address yet is lost and would be repeated by the kernel only after a second; so here a new one is asked every few milliseconds, whatever the others do.
 */
import { connect, type Socket } from 'node:net';
import { nowMs } from './measure.ts';

export interface ProbeOrder {
  readonly addresses: readonly string[];
  readonly everyMs: number;
}

export interface ProbeAnswer {
  /** When the last of them greeted; undefined when one never did. */
  readonly atMs: number | undefined;
}

/** A question that nobody took up by then is given up. */
const askMs = 100;
const longestMs = 90_000;

async function greeted(address: string, everyMs: number): Promise<number> {
  const asked = new Set<Socket>();
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let isTaken = false;
  const ask = () => {
    // One that was taken up is waited for: more of them at once would only make sshd busy.
    if (isTaken) return;
    const socket = connect({ host: address, port: 22 });
    asked.add(socket);
    const late = setTimeout(() => socket.destroy(), askMs);
    socket.once('connect', () => {
      isTaken = true;
      clearTimeout(late);
    });
    socket.once('data', (chunk) => chunk.subarray(0, 4).toString('latin1') === 'SSH-' && resolve(nowMs()));
    socket.on('error', () => {});
    socket.once('close', () => {
      clearTimeout(late);
      asked.delete(socket);
      isTaken = false;
    });
  };
  const asking = setInterval(ask, everyMs);
  const giveUp = setTimeout(() => reject(new Error(`no SSH at ${address} in ${longestMs} ms`)), longestMs);
  try {
    return await promise;
  } finally {
    clearInterval(asking);
    clearTimeout(giveUp);
    isTaken = true;
    for (const socket of asked) socket.destroy();
  }
}

process.on('message', ({ addresses, everyMs }: ProbeOrder) => {
  void Promise.all(addresses.map((address) => greeted(address, everyMs))).then(
    (times) => process.send?.({ atMs: Math.max(...times) } satisfies ProbeAnswer),
    () => process.send?.({ atMs: undefined } satisfies ProbeAnswer),
  );
});
process.on('disconnect', () => process.exit());
