/** Strangers at the bastion's door: whatever they send, a session beside them goes on and others get in. A little of each daily, much in the long tests. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { lacksImages } from '../src/testing/test-installation.ts';
import { type BastionRoom, makeBastionRoom, type Visitor } from './bastion-room.ts';
import { makeWatch, type Watch } from './bastion-watch.ts';

const isLong = process.env['MYSERVER_TEST_LONG'] === '1';
const seed = Number(process.env['MYSERVER_TEST_SEED'] ?? randomInt(2 ** 31));
const mostMegabytes = 400;
const worstMs = 3000;
/** The bastion keeps no more than so many of one address that have not signed in. */
const mostFromOne = 150;

suite('strangers x bastion', { skip: lacksImages }, () => {
  let room: BastionRoom;
  let honest: Visitor;
  let watch: Watch;
  let heldSince = 0;

  before(async () => {
    room = await makeBastionRoom();
    honest = await room.person('honest');
    await honest.ok('create');
    watch = await makeWatch(room, honest, '0');
    heldSince = performance.now();
  });
  after(async () => {
    await watch?.[Symbol.asyncDispose]();
    await room?.[Symbol.asyncDispose]();
  });

  const stranger = async <T>(deed: string, count: number, seconds: number): Promise<T> => {
    const program = fileURLToPath(new URL('stranger.ts', import.meta.url));
    const words = [process.execPath, '--disable-warning=ExperimentalWarning', program, deed, room.host, count, seed, seconds].map(String);
    const ran = await room.installation.run('client', ['prlimit', '--nofile=20000', ...words]);
    assert.equal(ran.exitCode, 0, ran.stderr);
    return JSON.parse(ran.stdout) as T;
  };

  async function assertHeld(t: { diagnostic(text: string): void }, what: string, told: object): Promise<void> {
    await watch.assertWell(what);
    const [{ now, most }, worst] = [await watch.memory(), watch.worstMs(heldSince)];
    heldSince = performance.now();
    t.diagnostic(`${what} (seed ${seed}): worst ${worst} ms; ${now} MB, most ${most} MB; ${JSON.stringify(told)}`);
    assert.ok(worst < worstMs, `the honest session waited ${worst} ms`);
    assert.ok(most < mostMegabytes, `the worker had ${most} MB`);
  }

  test('what is no SSH is sent away at once or after ten seconds of nothing', { timeout: 60_000 }, async (t) => {
    const told = await stranger<Record<string, string>>('banners', 0, isLong ? 14 : 4);
    const patient = new Set(['tls', 'a truncated packet', ...(isLong ? [] : ['binary'])]);
    for (const [name, how] of Object.entries(told)) if (!patient.has(name)) assert.match(how, /^closed/u, name);
    if (isLong) assert.match(told['tls'] ?? '', /^closed/u);
    await assertHeld(t, 'banners', told);
  });

  test('an honest handshake with flipped bits, cut short or with garbage behind it ends no worker', { timeout: 600_000 }, async (t) => {
    await assertHeld(t, 'flips', await stranger('flips', isLong ? 5000 : 100, 0));
  });

  test('exchanges of keys that cost the bastion alone leave room for the sessions that live', { timeout: 120_000 }, async (t) => {
    const told = await stranger<{ readonly exchangesInSecond: number }>('replays', 0, isLong ? 20 : 3);
    assert.ok(told.exchangesInSecond > 0, 'no exchange came about: the recording is none');
    await assertHeld(t, 'replays', told);
  });

  test('user names of any length and with any character let nobody in', { timeout: 120_000 }, async (t) => {
    const told = await stranger<Record<string, string>>('names', 0, 0);
    assert.ok(!Object.values(told).includes('let in'), JSON.stringify(told));
    await assertHeld(t, 'names', told);
  });

  test(
    'thousands of connections that say nothing: few are kept, and from elsewhere one gets in meanwhile',
    { timeout: 300_000 },
    async (t) => {
      const flood = stranger<{ leftOpen: number; mostOpen: number }>('half-open', isLong ? 10_000 : 1500, 3);
      const begun = performance.now();
      const elsewhere = ['-b', room.installation.engine.farAddress, '-o', 'ConnectTimeout=20'];
      for (let each = 0; each < 3; each += 1) assert.equal(await honest.sshOk('0', ['hostname'], { options: elsewhere }), 'server-0\n');
      const waited = Math.round((performance.now() - begun) / 3);
      const told = await flood;
      assert.ok(told.leftOpen <= mostFromOne, JSON.stringify(told));
      await assertHeld(t, 'half-open', { ...told, waited });
    },
  );
});
