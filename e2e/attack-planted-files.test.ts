/**
 * The attacks of a server's root on who reaches into it: control reads and writes files there and runs programs, and the administrator's terminal shows
 * what comes back. Links, pipes, endless files and replaced programs must neither lead elsewhere, nor hang control, nor fill its memory.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, suite, test } from 'node:test';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServerView } from '../src/contract/schemas.ts';
import { lacksImages, type TestInstallation } from '../src/testing/test-installation.ts';
import { makeInstallationOfAda } from './installation-of-ada.ts';
import { tryInside } from './host-view.ts';
import { inside } from './inside.ts';
import type { Root } from './root-client.ts';
import { makeKeyPair } from './secure-shell.ts';

/** Longer than control is willing to wait for anything inside a server. */
const boundMs = 45_000;
const mostGrowth = 150 * 2 ** 20;

const isLong = process.env['MYSERVER_TEST_LONG'] === '1';

/** What ends by control's patience alone. */
function slow(isSlow: boolean): { readonly skip: string | false } {
  return { skip: isSlow && !isLong ? 'waits until control gives up: set MYSERVER_TEST_LONG=1' : false };
}

suite('planted files and programs in a server', { skip: lacksImages }, () => {
  let installation: TestInstallation;
  let root: Root;
  let server: ServerView;
  let key: string;

  before(async () => {
    ({ installation, root } = await makeInstallationOfAda());
    server = (await root.create())[0] as ServerView;
    key = (await makeKeyPair(installation, 'own')).publicPath;
    await inside(
      installation,
      server.id,
      'cp -a /etc/passwd /root/passwd; cp -a /usr/sbin/chpasswd /root/chpasswd; cp -a /home/ada /root/ada',
    );
  });
  after(async () => await installation[Symbol.asyncDispose]());

  // By a shell that asks nobody who it is: bash would read the spoilt /etc/passwd first.
  afterEach(async () => {
    const repair =
      'rm -rf /etc/passwd /home/ada /usr/sbin/chpasswd; cp -a /root/ada /home/ada; cp -a /root/chpasswd /usr/sbin/chpasswd; cp -a /root/passwd /etc/passwd';
    const { exitCode, stderr } = await tryInside(installation, server, repair, { timeoutMs: 10_000 });
    assert.equal(exitCode, 0, stderr);
  });

  const pushKey = async () =>
    await installation.myserver(['key', 'add', key, '--person', 'ada', '--server', String(server.id)], { timeoutMs: boundMs });
  const takeGatewayKey = async () => await root.client.call('removeGatewayKey', { params: { id: server.id } });

  /** Control still answers others, promptly, while `deed` is under way and after it. */
  async function staysWell<T>(deed: () => Promise<T>): Promise<T> {
    const before = await controlMemory();
    const done = deed();
    const answered = await root.client.call('health');
    assert.ok(answered !== undefined);
    const result = await done;
    const grown = (await controlMemory()) - before;
    assert.ok(grown < mostGrowth, `control grew by ${Math.round(grown / 2 ** 20)} MiB`);
    return result;
  }

  async function controlMemory(): Promise<number> {
    const status = await readFile(`/proc/${installation.controlPid()}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/u.exec(status)?.[1] ?? Number.NaN) * 1024;
  }

  const links: Readonly<Record<string, (target: string) => string>> = {
    'authorized_keys a link to a file of the host': (target) => `ln -sfn ${target} /home/ada/.ssh/authorized_keys`,
    '.ssh a link to a directory of the host': (target) => `rm -rf /home/ada/.ssh; ln -sfn $(dirname ${target}) /home/ada/.ssh`,
    'the home directory a link to a directory of the host': (target) => `rm -rf /home/ada; ln -sfn $(dirname ${target}) /home/ada`,
    'a link that climbs out': (target) => `ln -sfn ../../../../../../../../../../..${target} /home/ada/.ssh/authorized_keys`,
    'a link by way of the processes': (target) => `ln -sfn /proc/1/root${target} /home/ada/.ssh/authorized_keys`,
    'a home directory in /etc/passwd that climbs out': (target) => `sed -i "s#:/home/ada:#:/../../../..$(dirname ${target}):#" /etc/passwd`,
    'the file that is written beside, a link': (target) => `ln -sfn ${target} /home/ada/.ssh/authorized_keys.myserver-new`,
  };
  for (const [what, plant] of Object.entries(links)) {
    test(`${what}: nothing of the host is written, read or created`, async () => {
      const target = join(installation.engine.dir, 'authorized_keys');
      await writeFile(target, 'ssh-ed25519 HOSTSECRET host\n', { mode: 0o644 });
      const before = await stat(target);
      await inside(installation, server.id, plant(target));
      const pushed = await pushKey();
      await takeGatewayKey().catch(() => {});
      assert.equal(await readFile(target, 'utf8'), 'ssh-ed25519 HOSTSECRET host\n');
      const after = await stat(target);
      assert.deepEqual([after.mode, after.uid, after.ino], [before.mode, before.uid, before.ino]);
      assert.doesNotMatch(pushed.stdout + pushed.stderr, /HOSTSECRET/u);
      assert.equal(await inside(installation, server.id, 'grep -rl HOSTSECRET /home /root 2>/dev/null; true'), '');
    });
  }

  // Before the named pipe: the engine's helper that reads files hangs on that one for as long as Incus runs, and the server does not start again.
  test('a host name with escapes inside shows nowhere', async () => {
    await inside(
      installation,
      server.id,
      String.raw`printf 'a\033]0;owned\007b' > /etc/hostname; hostname "$(printf 'x\033[31m')" || true`,
    );
    await root.tell('restartServer', server.id);
    for (const args of [['list'], ['info', '0'], ['doctor']])
      assert.doesNotMatch((await installation.myserver(args)).stdout, /(?!\n)\p{Cc}|owned/u);
  });

  const passwd: Readonly<Record<string, string>> = {
    'a named pipe': 'rm /etc/passwd; mkfifo /etc/passwd',
    'ten gigabytes of nothing': 'truncate -s 10G /etc/passwd',
    'a directory': 'rm /etc/passwd; mkdir /etc/passwd',
    'a link to endless zeros': 'ln -sfn /dev/zero /etc/passwd',
    'a link to itself': 'rm /etc/passwd; ln -s passwd /etc/passwd',
    'a hundred thousand lines of the same name': 'yes "ada:x:0:0::/:/bin/sh" | head -c 900000 > /etc/passwd',
  };
  for (const [what, plant] of Object.entries(passwd)) {
    test(`/etc/passwd ${what}: an error in bounded time, and control answers meanwhile`, slow(/pipe/u.test(what)), async () => {
      await inside(installation, server.id, plant);
      const pushed = await staysWell(pushKey);
      assert.ok(pushed.exitCode > 0, `exit ${pushed.exitCode}: ${pushed.stdout}`);
      assert.match(pushed.stderr, /server|s0-/u);
    });
  }

  const programs: Readonly<Record<string, string>> = {
    'one that hangs': 'sleep 1000',
    'one that hangs and cannot be asked to end': "trap '' TERM INT HUP; while :; do sleep 1; done",
    'one that floods': 'yes flood; sleep 1000',
    'one that floods both ways': 'yes flood >&2 & yes flood',
    'one that leaves a child behind': '(setsid sleep 1000 &) ; exit 1',
    'one that is not there': '',
  };
  for (const [what, script] of Object.entries(programs)) {
    test(`chpasswd ${what}: password ends with an error in bounded time`, slow(/hangs|floods/u.test(what)), async () => {
      const plant =
        script === '' ? 'rm /usr/sbin/chpasswd' : 'rm /usr/sbin/chpasswd; cat > /usr/sbin/chpasswd; chmod 755 /usr/sbin/chpasswd';
      await inside(installation, server.id, plant, { input: `#!/bin/sh\n${script}\n` });
      const answer = await staysWell(async () => await installation.myserver(['password', String(server.id)], { timeoutMs: boundMs }));
      assert.ok(answer.exitCode > 0, `exit ${answer.exitCode}: ${answer.stdout}`);
      assert.match(answer.stderr, /server 0/u);
      assert.ok(answer.stderr.length < 2000);
    });
  }

  test('what a program inside says reaches the terminal without a single control character', async () => {
    const evil = String.raw`printf '\033]0;owned\007\033[2J\302\2331;31m\r\b\342\200\256evil\n' >&2; exit 1`;
    await inside(installation, server.id, 'cat > /usr/sbin/chpasswd; chmod 755 /usr/sbin/chpasswd', { input: `#!/bin/sh\n${evil}\n` });
    for (const args of [
      ['password', '0'],
      ['password', '0', '-f', 'json'],
    ]) {
      const answer = await installation.myserver(args);
      assert.ok(answer.exitCode > 0);
      assert.match(answer.stdout + answer.stderr, /evil/u, 'it does say what was said');
      assert.doesNotMatch(answer.stdout + answer.stderr, /(?!\n)[\p{Cc}\p{Cf}]/u);
    }
  });
});
