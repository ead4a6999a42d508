/** Watches a bastion under attack: an honest session's delays, the worker's life and its memory. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BastionRoom, Visitor } from './bastion-room.ts';
import { until } from './bastion-room.ts';

export interface Watch extends AsyncDisposable {
  /** Since the last call: the longest that one line took to the server and back. */
  worstMs(): number;
  /** Megabytes: now, and the most since the worker began. */
  memory(): Promise<{ readonly now: number; readonly most: number }>;
  /** Fails unless the worker is the first one still and the session answers. */
  assertWell(what: string): Promise<void>;
}

const everyMs = 100;

export async function makeWatch(room: BastionRoom, visitor: Visitor, target: string): Promise<Watch> {
  const pid = await workerOf(room);
  const session = visitor.background(target, ['-T'], ['cat']);
  const state = { sentMs: 0, worst: 0, answered: 0, isOver: false };
  async function ask(): Promise<void> {
    const before = session.output().length;
    state.sentMs = performance.now();
    session.child.stdin?.write('x\n');
    while (session.output().length === before && !state.isOver) await sleep(2);
    state.worst = Math.max(state.worst, performance.now() - state.sentMs);
    state.answered += 1;
  }
  const asking = (async () => {
    while (!state.isOver) {
      await ask();
      await sleep(everyMs);
    }
  })();
  await until('the honest session', () => state.answered > 0);
  state.worst = 0;
  return {
    worstMs() {
      const worst = Math.round(state.worst);
      state.worst = 0;
      return worst;
    },
    async memory() {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      const megabytes = (name: string) => Math.round(Number(new RegExp(`^${name}:\\s+(\\d+)`, 'mu').exec(status)?.[1] ?? 0) / 1024);
      return { now: megabytes('VmRSS'), most: megabytes('VmHWM') };
    },
    async assertWell(what) {
      assert.equal(await workerOf(room), pid, `${what}: another worker\n${await room.gateway.log()}`);
      assert.doesNotMatch(await room.gateway.log(), /ended by itself/u, what);
      const { answered } = state;
      await until(`${what}: an answer to the honest session`, () => state.answered > answered, 20_000);
      assert.equal(session.child.exitCode, null, `${what}: ${session.errors()}`);
    },
    async [Symbol.asyncDispose]() {
      state.isOver = true;
      await asking;
      await session[Symbol.asyncDispose]();
    },
  };
}

async function workerOf({ gateway }: BastionRoom): Promise<string> {
  const pid = gateway.pid();
  return (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')).trim();
}
