/** A program that writes 50 MB into a browser's terminal, and how soon ^C ends one that never would. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { type BrowserContest, line, makeBrowserContest, seenIn, untilQuiet } from './browser-room.ts';
import { alternate } from './measure.ts';
import { type Figure, row } from './report.ts';

const rounds = 3;
/** `seq` to that number writes 50,888,896 bytes, and the terminal adds a carriage return to each line. */
const last = 6_500_000;
const expectedBytes = 50_888_896 + last;
const floodMs = 1500;

export const terminalOutputFigure: Figure = {
  name: 'terminal-output',
  title: '50 MB of output in a browser, and ^C while it never ends',
  async measure() {
    await using contest = await makeBrowserContest();
    const pages = { ours: await ready(contest, 'ours'), theirs: await ready(contest, 'theirs') };
    const shown = (way: 'ours' | 'theirs') => async () => await outputOf(pages[way], way === 'ours');
    const stopped = (way: 'ours' | 'theirs') => async () => await interrupt(pages[way]);
    const whole = await alternate(rounds, { ours: shown('ours'), theirs: shown('theirs') });
    const stop = await alternate(rounds, { ours: stopped('ours'), theirs: stopped('theirs') });
    const peer = 'wetty';
    return [
      row({ what: '50 MB, until the last line has come', unit: 's', ours: whole.ours, peer, theirs: whole.theirs }),
      row({
        what: '^C, until the last byte has come',
        unit: 'ms',
        ours: stop.ours,
        peer,
        theirs: stop.theirs,
        goal: { kind: 'at-most', value: 200, of: 'value' },
      }),
    ];
  },
};

async function ready(contest: BrowserContest, way: 'ours' | 'theirs'): Promise<Page> {
  const page = await contest[way]();
  await untilQuiet(page, 1000);
  return page;
}

/** Seconds. Of ours not one byte may be missing. */
async function outputOf(page: Page, isCounted: boolean): Promise<number> {
  await page.bringToFront();
  const before = await seenIn(page);
  const from = await page.evaluate<number>('performance.now()');
  await line(page, `clear; seq ${last}`);
  const after = await untilQuiet(page, 2000);
  const came = after.bytes - before.bytes;
  if (isCounted && came < expectedBytes) throw new Error(`${expectedBytes - came} bytes of the output did not come`);
  return (after.lastMs - from) / 1000;
}

async function interrupt(page: Page): Promise<number> {
  await page.bringToFront();
  await line(page, 'yes');
  await sleep(floodMs);
  await page.keyboard.press('Control+c');
  const pressed = await page.evaluate<number>('performance.now()');
  const { lastMs } = await untilQuiet(page, 1000);
  return Math.max(0, lastMs - pressed);
}
