/** Watches a bastion under attack: an honest session's delays, the worker's life and its memory. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BastionRoom, Visitor } from './bastion-room.ts';
import { until } from './bastion-room.ts';

export interface Watch extends AsyncDisposable {
  /** The longest that one line took to the server and back, of those that were answered after `since` (by `performance.now()`). */
  worstMs(since: number): number;
  /** Megabytes: now, and the most since the worker began. */
  memory(): Promise<{ readonly now: number; readonly most: number }>;
  /** Fails unless the worker is the first one still and the session answers. */
  assertWell(what: string): Promise<void>;
}

const everyMs = 100;

export async function makeWatch(room: BastionRoom, visitor: Visitor, target: string): Promise<Watch> {
  const pid = await workerOf(room);
  const session = visitor.background(target, ['-T'], ['cat']);
  const state = { isOver: false };
  const answers: { readonly atMs: number; readonly tookMs: number }[] = [];
  async function ask(): Promise<void> {
    const before = session.output().length;
    const sentMs = performance.now();
    session.child.stdin?.write('x\n');
    while (session.output().length === before && !state.isOver) await sleep(2);
    const atMs = performance.now();
    answers.push({ atMs, tookMs: atMs - sentMs });
  }
  const asking = (async () => {
    while (!state.isOver) {
      await ask();
      await sleep(everyMs);
    }
  })();
  await until('the honest session', () => answers.length > 0);
  return {
    worstMs: (since) => Math.round(Math.max(0, ...answers.filter(({ atMs }) => atMs > since).map(({ tookMs }) => tookMs))),
    async memory() {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      const megabytes = (name: string) => Math.round(Number(new RegExp(`^${name}:\\s+(\\d+)`, 'mu').exec(status)?.[1] ?? 0) / 1024);
      return { now: megabytes('VmRSS'), most: megabytes('VmHWM') };
    },
    async assertWell(what) {
      assert.equal(await workerOf(room), pid, `${what}: another worker\n${await room.gateway.log()}`);
      assert.doesNotMatch(await room.gateway.log(), /ended by itself/u, what);
      const { length } = answers;
      await until(`${what}: an answer to the honest session`, () => answers.length > length, 20_000);
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
