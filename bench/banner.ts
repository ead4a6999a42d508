/** When SSH greets at private addresses of an engine, told by a process in the engine's network. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ProbeAnswer, ProbeOrder } from './banner-probe.ts';

const probePath = fileURLToPath(new URL('banner-probe.ts', import.meta.url));

export interface BannerProbe extends AsyncDisposable {
  /** Resolves with the time (`nowMs`) at which the last of them greeted. */
  wait(...addresses: readonly string[]): Promise<number>;
}

/** Each address is asked this often when it is the only one, and less often beside others: the asking shall not be the load. */
const everyMs = 5;

export function startProbe(enter: readonly string[]): BannerProbe {
  const [program, ...args] = [...enter, process.execPath, probePath];
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  return {
    async wait(...addresses) {
      const answered = once(child, 'message');
      child.send({ addresses, everyMs: everyMs * Math.ceil(addresses.length / 2) } satisfies ProbeOrder);
      const [{ atMs }] = (await answered) as [ProbeAnswer];
      if (atMs === undefined) throw new Error(`SSH never answered at one of ${addresses.join(', ')}`);
      return atMs;
    },
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}
