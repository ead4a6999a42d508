/** A process inside the engine's network that asks for a page every few milliseconds until its status is one that is waited for, for `web-create.ts`. */
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { nowMs } from './measure.ts';

export interface WebOrder {
  readonly url: string;
  readonly status: number;
}

export interface WebAnswer {
  /** When the answer that was waited for began; undefined where it never came. */
  readonly atMs: number | undefined;
}

const everyMs = 2;
const longestMs = 30_000;

async function statusOf(url: string): Promise<number> {
  return await new Promise((resolve) => {
    get(url, { agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    }).on('error', () => resolve(0));
  });
}

process.on('message', ({ url, status }: WebOrder) => {
  void (async () => {
    const until = nowMs() + longestMs;
    while (nowMs() < until) {
      if ((await statusOf(url)) === status) return void process.send?.({ atMs: nowMs() } satisfies WebAnswer);
      await sleep(everyMs);
    }
    process.send?.({ atMs: undefined } satisfies WebAnswer);
  })();
});
process.on('disconnect', () => process.exit());
