/** A terminal in a browser under what is rare: output without end, and a network that is away for longer than a connection lives. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { lacksImages } from '../src/testing/test-installation.ts';
import { until } from './bastion-room.ts';
import { lacksChromium } from './chromium.ts';
import { lacksHaproxy } from './haproxy-room.ts';
import { makePortalRoom, type PortalRoom, shownIn } from './portal-room.ts';

const isLong = process.env['MYSERVER_TEST_LONG'] === '1';
const skip = isLong ? ([lacksImages, lacksChromium, lacksHaproxy].find((lack) => lack !== false) ?? false) : 'a long test: ./test --long';
const timeout = 300_000;
const last = 6_500_000;

/** In the page: all bytes that came between two lines, by their hash. */
const gatherOutput = `
  window.gathered = [];
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (data) {
    if (!this.isWatched) {
      this.isWatched = true;
      this.addEventListener('message', ({ data }) => typeof data === 'string' ? undefined : gathered.push(new Uint8Array(data.slice(0))));
    }
    return send.call(this, data);
  };
  window.hashBetween = async (first, end) => {
    const all = new Uint8Array(await new Blob(gathered).arrayBuffer());
    const at = (text, from) => { const wanted = new TextEncoder().encode(text); outer: for (let i = from; i <= all.length - wanted.length; i++) { for (let j = 0; j < wanted.length; j++) if (all[i + j] !== wanted[j]) continue outer; return i; } return -1; };
    const from = at(first, 0) + first.length;
    const to = at(end, Math.max(from, all.length - 1000));
    const digest = await crypto.subtle.digest('SHA-256', all.subarray(from, to));
    return { length: to - from, hash: [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('') };
  };`;

suite('a terminal in Chromium, long', { skip }, () => {
  let room: PortalRoom;
  let terminal: Page;

  before(
    async () => {
      room = await makePortalRoom('haproxy');
      const ada = await room.bastion.person('ada');
      await ada.ok('create', '3');
      await until('SSH of server 3', async () => (await ada.ssh('3', ['true'])).exitCode === 0, 30_000);
      const context = await room.context();
      await context.addInitScript(gatherOutput);
      const page = await room.signedIn(context, 'ada', ada.password);
      await page.locator('.card').waitFor();
      terminal = await room.terminal(context, 3);
      await has('$');
    },
    { timeout },
  );
  after(() => room[Symbol.asyncDispose]());

  const has = async (text: string, ms = 60_000) =>
    await until(`"${text}" in the terminal`, async () => (await shownIn(terminal)).includes(text), ms);

  test('50 MB of output come without a byte’s difference', { timeout }, async () => {
    await terminal.keyboard.type(`stty -echo; echo be''gin; seq ${last}; echo en''d\n`);
    await has('end', 120_000);
    const { length, hash } = await terminal.evaluate<{ readonly length: number; readonly hash: string }>(
      `hashBetween('begin\\r\\n', 'end\\r\\n')`,
    );
    const expected = createHash('sha256');
    let bytes = 0;
    for (let number = 1; number <= last;) {
      const some = Array.from({ length: Math.min(10_000, last - number + 1) }, (_none, at) => `${number + at}\r\n`).join('');
      expected.update(some);
      bytes += some.length;
      number += 10_000;
    }
    assert.equal(length, bytes);
    assert.equal(hash, expected.digest('hex'));
  });

  test('^C ends what never would', { timeout }, async () => {
    await terminal.keyboard.type('clear; yes\n');
    await sleep(3000);
    await terminal.keyboard.press('Control+c');
    await terminal.keyboard.type('echo still-$((1+1))\n');
    await has('still-2');
  });

  test('a network that says nothing for 70 s: the page notices, and finds the same shell again', { timeout }, async () => {
    const { installation } = room.bastion;
    const nft = async (text: string) => assert.equal((await installation.run('client', ['nft', text])).exitCode, 0, text);
    await terminal.keyboard.type('stty echo; clear; here=before; for i in 1 2 3; do sleep 20; echo line-$i; done\n');
    await nft(
      'add table ip lost; add chain ip lost out { type filter hook output priority 0; }; add chain ip lost in { type filter hook input priority 0; }; add rule ip lost out tcp dport 443 drop; add rule ip lost in tcp sport 443 drop',
    );
    try {
      await terminal.locator('text=The connection is lost').waitFor({ timeout: 60_000 });
      await sleep(25_000);
    } finally {
      await nft('delete table ip lost');
    }
    await terminal.locator('text=The connection is lost').waitFor({ state: 'detached', timeout: 60_000 });
    await has('line-3');
    await terminal.keyboard.type('echo $here-and-after\n');
    await has('before-and-after');
  });
});
