/** Clients that have signed in, and a server of their own, against the bastion: whatever they send, it holds for everybody else. */
import assert from 'node:assert/strict';
import { after, before, suite, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { lacksImages } from '../src/testing/test-installation.ts';
import { type BastionRoom, makeBastionRoom, until, type Visitor } from './bastion-room.ts';
import { makeWatch, type Watch } from './bastion-watch.ts';
import { inside, runInside } from './inside.ts';

const isLong = process.env['MYSERVER_TEST_LONG'] === '1';
const mostMegabytes = 400;
/** A class at work beside it must not notice much; two cores are shared by everything in a test. */
const worstMs = isLong ? 5000 : 3000;
/** What the port 22 of a server may do instead of SSH. */
const modes = ['silent', 'lines', 'one-line', 'garbage', 'slow'];

interface Attack {
  readonly name: string;
  readonly count: number;
  readonly server?: string;
}

suite('a client or a server that means harm x bastion', { skip: lacksImages }, () => {
  let room: BastionRoom;
  let honest: Visitor;
  let rogue: Visitor;
  let watch: Watch;

  before(async () => {
    room = await makeBastionRoom();
    [honest, rogue] = [await room.person('honest'), await room.person('rogue')];
    await honest.ok('create');
    // One for what may use up all the processes that a server is allowed.
    await rogue.ok('create', '--count', '2');
    watch = await makeWatch(room, honest, '0');
  });
  after(async () => {
    await watch?.[Symbol.asyncDispose]();
    await room?.[Symbol.asyncDispose]();
  });

  const deed = async (name: string, count = 0, server = '1') => {
    const program = fileURLToPath(new URL('rogue.ts', import.meta.url));
    const argv = [
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      program,
      name,
      room.host,
      server,
      rogue.key.path,
      String(count),
    ];
    return await room.installation.run('client', argv);
  };

  async function withstands(t: TestContext, { name, count, server = '1' }: Attack): Promise<void> {
    const begun = performance.now();
    const ran = await deed(name, count, server);
    await watch.assertWell(name);
    const { now, most } = await watch.memory();
    const worst = watch.worstMs(begun);
    t.diagnostic(`${name}: worst ${worst} ms; ${now} MB, most ${most} MB; ${ran.stdout.trim().replaceAll('\n', ', ')}`);
    assert.match(ran.stdout, /was sent away|is still there/u, ran.stderr);
    assert.ok(worst < worstMs, `the honest session waited ${worst} ms`);
    assert.ok(most < mostMegabytes, `the worker had ${most} MB`);
  }

  // Most of each attack's time is waiting for what it does, so a few go on at once, which is worse for the bastion; those that cost it most do not begin
  // together. The long ones go on alone.
  suite('attacks at once', { concurrency: isLong ? 1 : 4 }, () => {
    for (const [name, count, sentence] of [
      ['no-reading', 1000, 'a client that allows gigabytes and does not read while a server sends one'],
      ['forwards', isLong ? 10_000 : 2000, 'thousands of forwards on one connection'],
      ['keys', isLong ? 2000 : 400, 'keys that are changed again and again'],
      ['no-packets', 0, 'a channel that takes packets of no bytes'],
      ['tiny-packets', 0, 'a channel that takes packets of one byte'],
      ['no-window', isLong ? 2000 : 300, 'a client that sends more than the window allows'],
      ['no-reading-errors', 1000, 'gigabytes on the error side that nobody reads'],
      ['unread-answers', isLong ? 3_000_000 : 400_000, 'requests without end whose answers nobody reads'],
      ['odd-requests', isLong ? 20_000 : 2000, 'terminals and variables of absurd sizes'],
      ['huge-command', 0, 'a command of a megabyte'],
    ] as const)
      test(`${sentence}: the honest session goes on, the worker keeps its life and its memory`, { timeout: 120_000 }, async (t) => {
        await withstands(t, { name, count });
      });

    test('thousands of sessions on one connection: the same', { timeout: 120_000 }, async (t) => {
      await withstands(t, { name: 'sessions', count: isLong ? 10_000 : 1000, server: '2' });
    });

    test('hundreds of remote forwards at once: the same, and no more than sixty-four listeners in the server', async (t) => {
      const listeners = async () => Number(await inside(room.installation, 1, 'ss -Htln src 127.0.0.1 | wc -l'));
      const before = await listeners();
      const running = withstands(t, { name: 'listeners', count: isLong ? 900 : 500 }).then(() => true);
      let most = 0;
      while ((await Promise.race([running, sleep(200, false)])) === false) most = Math.max(most, (await listeners()) - before);
      assert.ok(most > 10 && most <= 64, String(most));
    });

    test('output and errors that both wait for the reader come whole', async () => {
      const command = '(head -c 8000000 /dev/zero | tr "\\0" o) & (head -c 8000000 /dev/zero | tr "\\0" e >&2); wait';
      const script = `"$@" 2>/tmp/rogue-errors.$$ | (sleep 2; wc -c); wc -c </tmp/rogue-errors.$$; rm /tmp/rogue-errors.$$`;
      const ran = await room.installation.run('client', ['timeout', '60', 'bash', '-c', script, 'sh', ...honest.argv('0', [command])]);
      assert.equal(ran.stdout.trim().replaceAll(/\s+/gu, ' '), '8000000 8000000', ran.stderr);
    });
  });

  test('of those who are gone, and who begin a program and are gone at once, nothing is left: no program, no live session', async () => {
    await Promise.all([0, 0, 1, 2, 3, 5, 8, 20].map(async (afterMs) => await deed('hit-and-run', afterMs)));
    // Not the shell that looks for them.
    const left = async () => await inside(room.installation, 1, 'pgrep -fc "[l]eft-behind" || true');
    await until('the end of what was begun', async () => Number(await left()) === 0, 20_000);
    await until('the end of the sessions', async () => (await rogue.json<readonly object[]>('sessions')).length === 0, 20_000);
  });

  test('a server whose port 22 floods, hangs or greets for ever holds up nobody but who enters it', { timeout: 120_000 }, async (t) => {
    const script = String.raw`
      systemctl stop ssh ssh.socket 2>/dev/null; cat >/root/door.pl <<'PERL'
use strict; use warnings; use IO::Socket::INET; $SIG{CHLD} = 'IGNORE'; $SIG{PIPE} = 'DEFAULT';
my $door = IO::Socket::INET->new(LocalPort => 22, Listen => 64, ReuseAddr => 1) or die "listen: $!";
for (my $each = 0; my $line = $door->accept; $each++) {
  my $mode = $ARGV[$each % @ARGV]; open my $log, '>>', '/root/entered'; print $log "$mode\n"; close $log; next if fork;
  if ($mode eq 'silent') { sleep 100; exit }
  if ($mode eq 'lines') { while (1) { print $line "not yet\r\n" x 1000 or exit } }
  if ($mode eq 'one-line') { while (1) { print $line "x" x 65536 or exit } }
  if ($mode eq 'garbage') { print $line "SSH-2.0-x\r\n"; open my $r, '<', '/dev/urandom'; while (1) { read $r, my $p, 65536; print $line $p or exit } }
  if ($mode eq 'slow') { for (1..100) { $line->autoflush(1); print $line "S"; sleep 1 } exit } }
PERL`;
    await inside(room.installation, 1, script);
    await runInside(room.installation, 1, 22, ['perl', '/root/door.pl', ...modes]);
    const begun = performance.now();
    const visits = Array.from({ length: 5 * modes.length }, () => rogue.background('1', [], ['true']));
    const entered = async (mode: string) =>
      Number(await inside(room.installation, 1, `grep -cx ${mode} /root/entered 2>/dev/null || true`));
    for (const mode of modes) await until(`five visits to a door that is ${mode}`, async () => (await entered(mode)) >= 5);
    await sleep(3000);
    await watch.assertWell('doors');
    const asked = performance.now();
    assert.equal(await honest.sshOk('0', ['hostname']), 'server-0\n');
    const took = Math.round(performance.now() - asked);
    const worst = watch.worstMs(begun);
    const { most } = await watch.memory();
    t.diagnostic(`worst ${worst} ms, a new session ${took} ms, ${most} MB`);
    assert.ok(worst < worstMs, `the honest session waited ${worst} ms`);
    assert.ok(most < mostMegabytes, `the worker had ${most} MB`);
    for (const visit of visits) await visit[Symbol.asyncDispose]();
    await inside(room.installation, 1, 'systemctl stop port-22; systemctl start ssh');
  });
});
