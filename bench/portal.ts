/** The portal as somebody meets it: the first load on a slow machine, a thousand servers in a list, and what happens elsewhere, until it is seen. */
import { get } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import type { ServerView } from '../src/contract/schemas.ts';
import { makeClient } from '../src/client/client.ts';
import { makeNodeFetch } from '../src/transport/node-fetch.ts';
import { type BrowserContest, makeBrowserContest, openWetty, user } from './browser-room.ts';
import { type Figure, row } from './report.ts';

const rounds = 5;
const slowness = 4;
const servers = 1000;
const scrollSteps = 120;
/** Until what the load left to do is done. */
const settleMs = 1500;
/** At 60 frames a second one takes 16.7 ms; longer than one and a half of it, and at least one was left out. */
const frameMs = 25;

/** When that is first in the page. */
const watchFor = (selector: string) => `
  window.there = undefined;
  const look = () => { if (window.there === undefined && document.querySelector(${JSON.stringify(selector)})) window.there = performance.now(); };
  new MutationObserver(look).observe(document, { subtree: true, childList: true });`;

export const portalFigure: Figure = {
  name: 'portal',
  title: `The portal in Chromium: first load with the processor ${slowness} times slower, ${servers} servers, what happens elsewhere`,
  async measure() {
    await using contest = await makeBrowserContest();
    const { origin } = contest.room;
    const loads = {
      signIn: await loadsOf(contest, origin, 'input[name=person]'),
      wetty: await loadsOf(contest, undefined, '.xterm-screen'),
    };
    const [scrolled, plain] = [await droppedIn(contest, true), await droppedIn(contest, false)];
    const seen = await eventsOf(contest);
    return [
      row({
        what: 'sign-in there and usable',
        unit: 'ms',
        ours: loads.signIn.ms,
        peer: "wetty's first page, the processor as it is",
        theirs: loads.wetty.ms,
      }),
      row({
        what: 'first load, compressed',
        unit: 'kB',
        ours: loads.signIn.kilobytes,
        peer: "wetty's first page",
        theirs: loads.wetty.kilobytes,
        goal: { kind: 'at-most', value: 150, of: 'value' },
      }),
      row({
        what: `longest frame while ${servers} servers scroll`,
        unit: 'ms',
        ours: scrolled,
        peer: 'an empty page of that height',
        theirs: plain,
        goal: { kind: 'at-most', value: frameMs, of: 'value' },
      }),
      row({
        what: 'a server stopped, until its card says so',
        unit: 'ms',
        ours: seen.page,
        peer: 'the stop itself, until a program hears of it',
        theirs: seen.stop,
        goal: { kind: 'at-most', value: 100, of: 'value' },
      }),
    ];
  },
};

/** Each in a browser that has nothing kept. `origin`: undefined is wetty's. */
async function loadsOf({ room }: BrowserContest, origin: string | undefined, selector: string) {
  const [ms, kilobytes]: readonly number[][] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    const context = await room.context();
    await context.addInitScript(watchFor(selector));
    if (origin === undefined) ms?.push(await thereIn(await openWetty(context)));
    else {
      const page = await context.newPage();
      const session = await context.newCDPSession(page);
      await session.send('Emulation.setCPUThrottlingRate', { rate: slowness });
      await page.goto(origin);
      await page.locator(selector).waitFor();
      ms?.push(await thereIn(page));
    }
    const [page] = context.pages();
    const bytes = await page?.evaluate<number>(
      `[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].reduce((sum, { transferSize }) => sum + transferSize, 0)`,
    );
    kilobytes?.push((bytes ?? 0) / 1000);
    await context.close();
  }
  return { ms: ms ?? [], kilobytes: kilobytes ?? [] };
}

async function thereIn(page: Page): Promise<number> {
  return await page.evaluate<number>('window.there');
}

/** The longest frame of each round, scrolled by the wheel from top to bottom. */
async function droppedIn({ room, person }: BrowserContest, isList: boolean): Promise<readonly number[]> {
  const context = await room.context();
  const [one] = (await clientOf(room).call('listServers', { query: {} })).servers;
  const many = Array.from({ length: servers }, (_none, id) => ({ ...one, id, generation: `${id}`, notes: `number ${id}` }));
  if (isList) await context.route('**/api/v1/servers', async (route) => await route.fulfill({ json: { servers: many } }));
  const page = await room.signedIn(context, user, person.password);
  await page
    .locator('.card')
    .nth(isList ? servers - 1 : 0)
    .waitFor({ state: 'attached' });
  if (!isList) await page.evaluate(`document.querySelector('main').style.minHeight = '60000px'`);
  const longest: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await page.evaluate(
      `scrollTo(0, 0); window.frames_ = []; (function next(before) { requestAnimationFrame((now) => { if (before) frames_.push(now - before); if (frames_) next(now); }); })()`,
    );
    await page.mouse.move(600, 500);
    await sleep(settleMs);
    await page.evaluate('frames_.length = 0');
    for (let step = 0; step < scrollSteps; step += 1) {
      await page.mouse.wheel(0, 400);
      await sleep(16);
    }
    const frames = await page.evaluate<readonly number[]>('frames_');
    await page.evaluate('window.frames_ = undefined').catch(() => {});
    longest.push(Math.max(...frames));
    console.error(
      `${isList ? 'list' : 'empty'}: ${frames.filter((ms) => ms > frameMs).length} of ${frames.length} frames dropped, longest ${Math.max(...frames).toFixed(0)} ms`,
    );
    await page.reload();
    await page
      .locator('.card')
      .nth(isList ? servers - 1 : 0)
      .waitFor({ state: 'attached' });
    if (!isList) await page.evaluate(`document.querySelector('main').style.minHeight = '60000px'`);
  }
  await context.close();
  return longest;
}

/** By the clock that all have: from when a program on the host hears of it. */
async function eventsOf({ room, person }: BrowserContest) {
  const { installation } = room.bastion;
  const socketPath = join(installation.runDir, 'root.sock');
  const client = clientOf(room);
  const context = await room.context();
  const page = await room.signedIn(context, user, person.password);
  await page.locator('.card .status.running').waitFor();
  await page.evaluate(`new MutationObserver(() => {
    const status = document.querySelector('.card .status').textContent;
    if (status !== window.status_) { window.status_ = status; (window.changes ??= {})[status] = Date.now(); }
  }).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true })`);
  const heard = new Map<string, number>();
  const deaf = hearEvents(socketPath, (status, ms) => heard.set(status, ms));
  const [pages, stops]: readonly number[][] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    await page.evaluate('window.changes = {}');
    heard.clear();
    const from = Date.now();
    await client.call('stopServer', { params: { id: 0 } });
    await page.locator('.card .status.stopped').waitFor();
    const heardMs = heard.get('stopped') ?? Number.NaN;
    pages?.push(Math.max(0, (await page.evaluate<number>('window.changes.stopped')) - heardMs));
    stops?.push(heardMs - from);
    await client.call('startServer', { params: { id: 0 } });
    await page.locator('.card .status.running').waitFor({ timeout: 60_000 });
  }
  deaf();
  await context.close();
  return { page: pages ?? [], stop: stops ?? [] };
}

function clientOf({ bastion: { installation } }: BrowserContest['room']) {
  return makeClient({ baseUrl: 'http://localhost', fetch: makeNodeFetch({ socketPath: join(installation.runDir, 'root.sock') }) });
}

/** Calls back with the clock whenever the stream of events says that server 0 has that status. */
function hearEvents(socketPath: string, onStatus: (status: string, ms: number) => void): () => void {
  const asked = get({ socketPath, path: '/api/v1/events' }, (answer) => {
    const lines = createInterface(answer);
    // It is cut at the end.
    lines.on('error', () => {});
    lines.on('line', (text) => {
      if (!text.startsWith('data: {')) return;
      const event = JSON.parse(text.slice('data: '.length)) as { readonly kind: string; readonly server?: ServerView };
      if (event.server?.id === 0) onStatus(event.server.status, Date.now());
    });
  });
  asked.on('error', () => {});
  return () => asked.destroy();
}
