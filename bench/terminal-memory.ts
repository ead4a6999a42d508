/** What a live terminal in a browser takes from the host, with nothing going on in it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { addPerson } from '../e2e/person.ts';
import { type BrowserContest, makeBrowserContest, untilQuiet } from './browser-room.ts';
import { memoryOf } from './process-tree.ts';
import { type Figure, row } from './report.ts';

const people = 10;
const each = 20;
const servers = 4;
/** Chromium draws each of them. */
const wettyPages = 15;
const settleMs = 10_000;
const crowdPath = fileURLToPath(new URL('terminal-crowd.ts', import.meta.url));

export const terminalMemoryFigure: Figure = {
  name: 'terminal-memory',
  title: `Memory of ${people * each} live terminals (PSS of the gateway's processes, for each)`,
  async measure() {
    await using contest = await makeBrowserContest();
    const ours = await grownBy(contest.room.bastion.gateway.pid() ?? 0, people * each, async () => await crowd(contest));
    const theirs = await grownBy(contest.wettyPid, wettyPages, async () => await pages(contest));
    const peer = `wetty, of ${wettyPages}`;
    return [
      row({ what: 'one terminal', unit: 'kB', ours: [ours], peer, theirs: [theirs], goal: { kind: 'at-most', value: 0.25, of: 'ratio' } }),
    ];
  },
};

/** In kB, for each of `count`. */
async function grownBy(pid: number, count: number, open: () => Promise<AsyncDisposable>): Promise<number> {
  const { megabytes: before } = await memoryOf(pid);
  await using _opened = await open();
  await sleep(settleMs);
  const { megabytes: after } = await memoryOf(pid);
  return ((after - before) * 1024) / count;
}

async function crowd({ room, person }: BrowserContest): Promise<AsyncDisposable> {
  const { installation, host } = room.bastion;
  await person.ok('create', '--count', String(servers - 1));
  await installation.ok('set', '0', '--mem', '2G');
  for (let id = 0; id < servers; id += 1)
    for (let tries = 0; tries < 100 && (await person.ssh(String(id), ['true'])).exitCode !== 0; tries += 1) await sleep(200);
  const signedUp = [];
  for (let one = 0; one < people; one += 1) {
    const { password } = await addPerson(installation, `crowd${one}`, '--role', 'administrator');
    signedUp.push({ name: `crowd${one}`, password });
  }
  const wanted = JSON.stringify({ host, people: signedUp, servers, each });
  const [program, ...args] = [
    ...installation.engine.enterClient,
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    crowdPath,
    wanted,
  ];
  const child = spawn(program ?? '', args, { stdio: ['pipe', 'pipe', 'inherit'] });
  await Promise.race([
    once(createInterface(child.stdout), 'line'),
    once(child, 'exit').then(() => Promise.reject(new Error('the crowd did not come in'))),
  ]);
  return {
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.stdin.end();
      await ended;
    },
  };
}

async function pages(contest: BrowserContest): Promise<AsyncDisposable> {
  const opened: Page[] = [];
  for (let one = 0; one < wettyPages; one += 1) {
    const page = await contest.theirs();
    await untilQuiet(page, 500);
    opened.push(page);
  }
  return {
    async [Symbol.asyncDispose]() {
      for (const page of opened) await page.close();
    },
  };
}
