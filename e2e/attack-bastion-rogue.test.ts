/** Clients that have signed in, and a server of their own, against the bastion: whatever they send, it holds for everybody else. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { lacksImages } from '../src/testing/test-installation.ts';
import { type BastionRoom, makeBastionRoom, until, type Visitor } from './bastion-room.ts';
import { makeWatch, type Watch } from './bastion-watch.ts';
import { inside } from './inside.ts';

const isLong = process.env['MYSERVER_TEST_LONG'] === '1';
const mostMegabytes = 400;
/** A class at work beside it must not notice much; two cores are shared by everything in a test. */
const worstMs = isLong ? 5000 : 3000;

suite('a client or a server that means harm x bastion', { skip: lacksImages }, () => {
  let room: BastionRoom;
  let honest: Visitor;
  let rogue: Visitor;
  let watch: Watch;

  before(async () => {
    room = await makeBastionRoom();
    [honest, rogue] = [await room.person('honest'), await room.person('rogue')];
    await honest.ok('create');
    await rogue.ok('create');
    watch = await makeWatch(room, honest, '0');
  });
  after(async () => {
    await watch?.[Symbol.asyncDispose]();
    await room?.[Symbol.asyncDispose]();
  });

  const deed = async (name: string, count = 0) => {
    const program = fileURLToPath(new URL('rogue.ts', import.meta.url));
    const argv = [process.execPath, '--disable-warning=ExperimentalWarning', program, name, room.host, '1', rogue.key.path, String(count)];
    return await room.installation.run('client', argv);
  };

  for (const [name, count, sentence] of [
    ['no-packets', 0, 'a channel that takes packets of no bytes'],
    ['tiny-packets', 0, 'a channel that takes packets of one byte'],
    ['no-window', isLong ? 2000 : 300, 'a client that sends more than the window allows'],
    ['no-reading', 1000, 'a client that allows gigabytes and does not read while a server sends one'],
    ['no-reading-errors', 1000, 'the same on the error side'],
    ['sessions', isLong ? 10_000 : 1000, 'thousands of sessions on one connection'],
    ['forwards', isLong ? 10_000 : 2000, 'thousands of forwards on one connection'],
    ['listeners', isLong ? 5000 : 500, 'hundreds of remote forwards at once'],
    ['unread-answers', isLong ? 3_000_000 : 400_000, 'requests without end whose answers nobody reads'],
    ['keys', isLong ? 2000 : 400, 'keys that are changed again and again'],
    ['odd-requests', isLong ? 20_000 : 2000, 'terminals and variables of absurd sizes'],
    ['huge-command', 0, 'a command of a megabyte'],
  ] as const)
    test(`${sentence}: the honest session goes on, the worker keeps its life and its memory`, { timeout: 120_000 }, async (t) => {
      watch.worstMs();
      const ran = await deed(name, count);
      await watch.assertWell(name);
      const { now, most } = await watch.memory();
      const worst = watch.worstMs();
      t.diagnostic(`${name}: worst ${worst} ms; ${now} MB, most ${most} MB; ${ran.stdout.trim().replaceAll('\n', ', ')}`);
      assert.match(ran.stdout, /was sent away|is still there/u, ran.stderr);
      assert.ok(worst < worstMs, `the honest session waited ${worst} ms`);
      assert.ok(most < mostMegabytes, `the worker had ${most} MB`);
    });

  test('five hundred remote forwards at once open no more than sixty-four listeners in the server', async () => {
    const listeners = async () => Number(await inside(room.installation, 1, 'ss -Htln src 127.0.0.1 | wc -l'));
    const before = await listeners();
    const running = deed('listeners', 500);
    let most = 0;
    while ((await Promise.race([running, sleep(200, undefined)])) === undefined) most = Math.max(most, (await listeners()) - before);
    assert.ok(most > 10 && most <= 64, String(most));
  });

  test('who begins a program and is gone at once leaves none behind, and no line among the live sessions', async () => {
    for (const afterMs of [0, 0, 1, 2, 3, 5, 8, 20]) await deed('hit-and-run', afterMs);
    await until(
      'the end of what was begun',
      async () => (await inside(room.installation, 1, 'pgrep -fc left-behind || true')).trim() <= '1',
      20_000,
    );
  });

  test('output and errors that both wait for the reader come whole', async () => {
    const command = '(head -c 8000000 /dev/zero | tr "\\0" o) & (head -c 8000000 /dev/zero | tr "\\0" e >&2); wait';
    const script = `"$@" 2>/tmp/rogue-errors.$$ | (sleep 2; wc -c); wc -c </tmp/rogue-errors.$$; rm /tmp/rogue-errors.$$`;
    const ran = await room.installation.run('client', ['timeout', '60', 'bash', '-c', script, 'sh', ...honest.argv('0', [command])]);
    assert.equal(ran.stdout.trim().replaceAll(/\s+/gu, ' '), '8000000 8000000', ran.stderr);
  });

  test('a server whose port 22 floods, hangs or greets for ever holds up nobody but who enters it', { timeout: 200_000 }, async (t) => {
    const script = String.raw`
      systemctl stop ssh ssh.socket 2>/dev/null; cat >/root/door.pl <<'PERL'
use strict; use warnings; use IO::Socket::INET; $SIG{CHLD} = 'IGNORE'; $SIG{PIPE} = 'DEFAULT';
my $mode = $ARGV[0]; my $door = IO::Socket::INET->new(LocalPort => 22, Listen => 64, ReuseAddr => 1) or die "listen: $!";
while (my $line = $door->accept) { next if fork;
  if ($mode eq 'silent') { sleep 100; exit }
  if ($mode eq 'lines') { while (1) { print $line "not yet\r\n" x 1000 or exit } }
  if ($mode eq 'one-line') { while (1) { print $line "x" x 65536 or exit } }
  if ($mode eq 'garbage') { print $line "SSH-2.0-x\r\n"; open my $r, '<', '/dev/urandom'; while (1) { read $r, my $p, 65536; print $line $p or exit } }
  if ($mode eq 'slow') { for (1..100) { $line->autoflush(1); print $line "S"; sleep 1 } exit } }
PERL`;
    await inside(room.installation, 1, script);
    for (const mode of ['silent', 'lines', 'one-line', 'garbage', 'slow']) {
      await inside(
        room.installation,
        1,
        `systemctl stop door 2>/dev/null; systemd-run -q --collect --unit=door perl /root/door.pl ${mode}; sleep 0.3`,
      );
      watch.worstMs();
      const begun = Array.from({ length: 5 }, () => rogue.background('1', [], ['true']));
      await sleep(3000);
      await watch.assertWell(mode);
      const entered = performance.now();
      assert.equal(await honest.sshOk('0', ['hostname']), 'server-0\n');
      const worst = watch.worstMs();
      t.diagnostic(
        `${mode}: worst ${worst} ms, a new session ${Math.round(performance.now() - entered)} ms, ${(await watch.memory()).most} MB`,
      );
      assert.ok(worst < worstMs, `${mode}: the honest session waited ${worst} ms`);
      for (const one of begun) await one[Symbol.asyncDispose]();
    }
    assert.ok((await watch.memory()).most < mostMegabytes);
    await inside(room.installation, 1, 'systemctl stop door; systemctl start ssh');
  });
});
