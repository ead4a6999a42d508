/** The portal and its terminal in Chromium, and wetty beside them: the same server, the same user, by SSH from the same host. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BrowserContext, Page } from 'playwright-core';
import type { Visitor } from '../e2e/bastion-room.ts';
import { inside } from '../e2e/inside.ts';
import { makePortalRoom, type PortalRoom } from '../e2e/portal-room.ts';
import { runProgram } from '../src/host/program.ts';
import { testBases } from '../src/testing/test-installation.ts';

export interface BrowserContest extends AsyncDisposable {
  readonly room: PortalRoom;
  readonly person: Visitor;
  /** Of wetty's process. */
  readonly wettyPid: number;
  /** Both show server 0 as the same user, in a window of the same size; `watchWebSocket` is at work in them. */
  ours(): Promise<Page>;
  theirs(): Promise<Page>;
}

export const user = 'bench';
const wettyPort = 3000;
const readyMs = 20_000;

/**
 * In the page: when the next message goes out after a key was pressed, and when the next one comes in; how many bytes came in all, and when the last.
 * Both pages speak WebSocket, so both are looked at in the same place.
 */
const watchWebSocket = `
  window.seen = { bytes: 0, lastMs: 0, keyMs: undefined, sentMs: undefined, echoes: [], text: '' };
  addEventListener('keydown', () => { seen.keyMs = performance.now(); seen.sentMs = undefined; }, true);
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (data) {
    if (seen.keyMs !== undefined && seen.sentMs === undefined) seen.sentMs = performance.now();
    if (!this.isWatched) {
      this.isWatched = true;
      this.addEventListener('message', ({ data }) => {
        const now = performance.now();
        const length = typeof data === 'string' ? data.length : (data.byteLength ?? data.size);
        if (length < 5 && typeof data === 'string') return;
        seen.bytes += length;
        seen.lastMs = now;
        if (seen.sentMs !== undefined) { seen.echoes.push(now - seen.sentMs); seen.keyMs = seen.sentMs = undefined; }
      });
    }
    return send.call(this, data);
  };`;

export async function makeBrowserContest(): Promise<BrowserContest> {
  await using undo = new AsyncDisposableStack();
  const room = undo.use(await makePortalRoom());
  const { installation } = room.bastion;
  const person = await room.bastion.person(user, '--role', 'administrator');
  await person.ok('create', '0');
  for (let tries = 0; (await person.ssh('0', ['true'])).exitCode !== 0; tries += 1) {
    if (tries === 100) throw new Error('server 0 does not answer to SSH');
    await sleep(200);
  }
  const wetty = undo.use(await startWetty(room, person.key.path));
  await inside(installation, 0, 'touch /home/bench/.hushlogin');
  const context = await room.context();
  undo.defer(async () => await context.close());
  await context.addInitScript(watchWebSocket);
  const own = await room.signedIn(context, user, person.password);
  await own.locator('.card').waitFor();
  const kept = undo.move();
  return {
    room,
    person,
    wettyPid: wetty.pid,
    ours: async () => await room.terminal(context, 0),
    theirs: async () => await openWetty(context),
    [Symbol.asyncDispose]: async () => await kept.disposeAsync(),
  };
}

export async function openWetty(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`http://127.0.0.1:${wettyPort}/`);
  await page.locator('.xterm-screen').waitFor();
  await page.locator('.xterm-helper-textarea').focus();
  return page;
}

/** On the machine outside, for its pages are for HTTPS alone but on the loopback; its SSH goes by the server's own port. */
async function startWetty({ bastion: { installation, host } }: PortalRoom, keyPath: string) {
  const { engine } = installation;
  const prefix = join(engine.dir, 'npm');
  await runProgram(['npm', 'install', '--prefix', prefix, '--no-audit', '--no-fund', '--ignore-scripts', 'wetty@3'], {
    timeoutMs: 300_000,
  });
  // Its terminals need what node-pty compiles; nothing else of its packages is run.
  const headers = join(process.execPath, '../..');
  await runProgram(['npm', 'rebuild', '--prefix', prefix, '--ignore-scripts=false', '--foreground-scripts', 'node-pty'], {
    timeoutMs: 300_000,
    env: { ...process.env, npm_config_nodedir: headers, npm_config_dangerously_allow_all_scripts: 'true' },
  });
  const words = ['--host', '127.0.0.1', '--port', String(wettyPort), '--base', '/', '--force-ssh', '--log-level', 'error'];
  const ssh = [
    '--ssh-host',
    host,
    '--ssh-port',
    String(testBases.ssh),
    '--ssh-user',
    user,
    '--ssh-auth',
    'publickey',
    '--ssh-key',
    keyPath,
    '--known-hosts',
    '/dev/null',
  ];
  const [program = '', ...args] = [...engine.enterClient, process.execPath, join(prefix, 'node_modules/.bin/wetty'), ...words, ...ssh];
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const until = Date.now() + readyMs;
  while ((await installation.run('client', ['ss', '-Htln', `sport = :${wettyPort}`])).stdout === '') {
    if (child.exitCode !== null || Date.now() > until) throw new Error('wetty does not listen');
    await sleep(50);
  }
  return {
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Types a line, and waits until what it says at its end has come. */
export async function line(page: Page, text: string): Promise<void> {
  await page.locator('.xterm-helper-textarea').focus();
  await page.keyboard.type(`${text}\n`);
}

export interface Seen {
  readonly bytes: number;
  readonly lastMs: number;
  readonly echoes: readonly number[];
}

export async function seenIn(page: Page): Promise<Seen> {
  return await page.evaluate<Seen>('seen');
}

/** Nothing has come for so long. */
export async function untilQuiet(page: Page, quietMs: number): Promise<Seen> {
  for (;;) {
    const seen = await seenIn(page);
    const now = await page.evaluate<number>('performance.now()');
    if (now - seen.lastMs > quietMs) return seen;
    await sleep(quietMs / 4);
  }
}
