/** How long a key that is typed in a browser takes until its echo is there. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { type BrowserContest, line, makeBrowserContest, seenIn, untilQuiet } from './browser-room.ts';
import { alternate, quantile } from './measure.ts';
import { type Figure, row } from './report.ts';

const rounds = 5;
const keys = 200;
const keyMs = 20;

export const terminalEchoFigure: Figure = {
  name: 'terminal-echo',
  title: `A key's echo in a browser, ${keys} keys a round (from the WebSocket's message out to the one in)`,
  async measure() {
    await using contest = await makeBrowserContest();
    const half: Record<'ours' | 'theirs', number[]> = { ours: [], theirs: [] };
    const pages = { ours: await ready(contest, 'ours'), theirs: await ready(contest, 'theirs') };
    const typed = (way: 'ours' | 'theirs') => async (round: number) => {
      const page = pages[way];
      await page.bringToFront();
      await page.evaluate('seen.echoes = []');
      for (let key = 0; key < keys; key += 1) {
        await page.keyboard.press('x');
        await sleep(keyMs);
      }
      const { echoes } = await seenIn(page);
      if (round > 0) half[way].push(quantile(echoes, 0.5));
      return quantile(echoes, 0.99);
    };
    const { ours, theirs } = await alternate(rounds, { ours: typed('ours'), theirs: typed('theirs') });
    const peer = 'wetty';
    return [
      row({ what: 'echo, p99', unit: 'ms', ours, peer, theirs, goal: { kind: 'at-most', value: 1, of: 'ratio' } }),
      row({ what: 'echo, p50', unit: 'ms', ours: half.ours, peer, theirs: half.theirs }),
    ];
  },
};

/** A program that gives each key back, and nothing else. */
async function ready(contest: BrowserContest, way: 'ours' | 'theirs'): Promise<Page> {
  const page = await contest[way]();
  await untilQuiet(page, 1000);
  await line(page, 'stty raw -echo; exec cat');
  await untilQuiet(page, 1000);
  return page;
}
