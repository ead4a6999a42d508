/** The handle of `ssh-crowd.ts`, which runs on the client machine. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { BastionContest } from './bastion-contest.ts';
import type { Arrival, CrowdAnswer, CrowdOrder } from './ssh-crowd.ts';

export interface Crowd extends AsyncDisposable {
  /** Resolves when all have arrived. */
  arrive(crowd: string, arrival: Arrival): Promise<void>;
  turn(crowd: string): Promise<void>;
  leave(crowd: string): Promise<void>;
}

const programPath = fileURLToPath(new URL('ssh-crowd.ts', import.meta.url));

export function startCrowd({ inClient }: BastionContest): Crowd {
  const [program = '', ...args] = inClient(process.execPath, programPath);
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const order = async (one: CrowdOrder) => {
    const answered = once(child, 'message');
    child.send(one);
    const [{ error }] = (await answered) as [CrowdAnswer];
    if (error !== undefined) throw new Error(`the crowd of ${one.crowd}: ${error}`);
  };
  return {
    arrive: async (crowd, arrival) => await order({ deed: 'arrive', crowd, arrival }),
    turn: async (crowd) => await order({ deed: 'turn', crowd }),
    leave: async (crowd) => await order({ deed: 'leave', crowd }),
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}
