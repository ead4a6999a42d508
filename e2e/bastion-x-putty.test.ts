/** The bastion with PuTTY's programs on a machine outside: plink, pscp and psftp; the host is known by the fingerprint alone, as PuTTY people know it. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { type Ran, type RunOptions, runProcess } from '../src/testing/run-process.ts';
import { lacksImages, testBases } from '../src/testing/test-installation.ts';
import { inBackground } from './background.ts';
import { type BastionRoom, makeBastionRoom, untilListening, type Visitor } from './bastion-room.ts';
import { httpProgram, inside, runInside } from './inside.ts';
import { makeKeyPair } from './secure-shell.ts';
import { typeInto } from './typist.ts';

const guestPassword = 'eleven yellow trams';
/** In a server: waits until something does. */
const listens = (port: number) => `timeout 15 bash -c 'until ss -Htln "sport = :${port}" | grep -q .; do sleep 0.05; done'`;

suite('bastion x PuTTY', { skip: lacksImages }, () => {
  let room: BastionRoom;
  let jbond: Visitor;
  let fingerprint: string;
  let at: (path: string) => string;
  /** 300,000 bytes of no pattern, and their SHA-256. */
  let file: string;
  let sum: string;

  const sumOf = async (path: string) => (await runProcess(['sha256sum', path])).stdout.split(' ')[0] ?? '';
  const trust = () => ['-batch', '-hostkey', fingerprint];
  const byKey = (name = 'own.ppk') => [...trust(), '-i', at(name)];
  const client = (program: string, words: readonly string[], options: RunOptions = {}): Promise<Ran> =>
    room.installation.run('client', [program, ...words], options);
  /** plink with the key. */
  const plink = (user: string, words: readonly string[], options: readonly string[] = []) =>
    client('plink', [...byKey(), ...options, `${user}@${room.host}`, ...words]);

  before(async () => {
    room = await makeBastionRoom();
    jbond = await room.person('jbond007');
    await jbond.ok('create', '--count', '2');
    const { installation } = room;
    at = (path) => join(installation.engine.dir, path);
    const shown = await runProcess(['ssh-keygen', '-l', '-f', at('known_bastion')]);
    fingerprint = shown.stdout.split(' ')[1] ?? '';
    file = at('upload');
    await writeFile(file, randomBytes(300_000));
    sum = await sumOf(file);
    const [rsa, ecdsa] = await Promise.all([
      makeKeyPair(installation, 'rsa', '-t', 'rsa', '-b', '2048'),
      makeKeyPair(installation, 'ecdsa', '-t', 'ecdsa', '-b', '384'),
    ]);
    for (const [pair, name] of [
      [jbond.key, 'own'],
      [rsa, 'rsa'],
      [ecdsa, 'ecdsa'],
    ] as const) {
      const made = await runProcess(['puttygen', pair.path, '-O', 'private', '-o', at(`${name}.ppk`)]);
      assert.equal(made.exitCode, 0, made.stderr);
    }
    await jbond.ok('key', 'add', at('rsa.ppk'), at('ecdsa.ppk'));
    await inside(installation, 0, `useradd -m -s /bin/bash guest && echo 'guest:${guestPassword}' | chpasswd`);
    await runInside(installation, 0, 8000, ['perl', '-e', httpProgram, '8000']);
  });
  after(async () => await room?.[Symbol.asyncDispose]());

  suite('plink', () => {
    for (const name of ['own', 'rsa', 'ecdsa']) {
      test(`signs in to the lobby with ${name}.ppk`, async () => {
        const ran = await client('plink', [...byKey(`${name}.ppk`), `jbond007@${room.host}`, 'myserver', 'list', '-f', 'json']);
        assert.equal(ran.exitCode, 0, ran.stderr + (await room.gateway.log()));
        assert.deepEqual(
          (JSON.parse(ran.stdout) as readonly { id: number }[]).map(({ id }) => id),
          [0, 1],
        );
      });
    }

    test('runs a command on a server: exit code and error side are those of the command', async () => {
      const ran = await plink('0', ['id -un; hostname; echo oops >&2; exit 7']);
      assert.deepEqual([ran.stdout, ran.stderr, ran.exitCode], ['jbond007\nserver-0\n', 'oops\n', 7]);
    });

    test('refuses a host with another key than the one that it was told', async () => {
      const wrong = ['-batch', '-hostkey', `SHA256:${'A'.repeat(43)}`, '-i', at('own.ppk')];
      const ran = await client('plink', [...wrong, `0@${room.host}`, 'hostname']);
      assert.notEqual(ran.exitCode, 0);
      assert.equal(ran.stdout, '');
      assert.match(ran.stderr, /host key/iu);
    });

    test('signs in with a password, to the lobby and to a server; a wrong one is refused', async () => {
      const byPassword = (user: string, password: string, words: readonly string[]) =>
        client('plink', [...trust(), '-pw', password, `${user}@${room.host}`, ...words]);
      const lobby = await byPassword('jbond007', jbond.password, ['whoami']);
      assert.deepEqual([lobby.stdout, lobby.exitCode], ['jbond007\n', 0], lobby.stderr);
      const server = await byPassword('jbond007+1', jbond.password, ['hostname']);
      assert.deepEqual([server.stdout, server.exitCode], ['server-1\n', 0], server.stderr);
      const wrong = await byPassword('jbond007+1', 'another password', ['hostname']);
      assert.notEqual(wrong.exitCode, 0);
      assert.equal(wrong.stdout, '');
      assert.match(wrong.stderr, /Access denied/u);
    });

    test('with a key enters as another user inside by that user’s own password, and not by another', async () => {
      const enter = (password: string) => plink('guest@0', ['id -un; exit 4'], ['-pw', password]);
      const ran = await enter(guestPassword);
      assert.deepEqual([ran.stdout, ran.exitCode], ['guest\n', 4], ran.stderr);
      const wrong = await enter('another password');
      assert.notEqual(wrong.exitCode, 0);
      assert.equal(wrong.stdout, '');
    });

    test('sends the classic remote command, "ssh myserver -p PORT COMMAND"', async () => {
      const words = ['ssh', 'myserver', `-p${testBases.ssh + 1}`, 'hostname; exit 3'];
      const ran = await plink('jbond007', words);
      assert.deepEqual([ran.stdout, ran.exitCode], ['server-1\n', 3], ran.stderr);
      const root = await plink('jbond007', ['ssh', 'myserver', '-p', String(testBases.ssh), 'id -un']);
      assert.deepEqual([root.stdout, root.exitCode], ['jbond007\n', 0], root.stderr);
    });

    test('stands in the lobby with a terminal, goes on to a server from there and comes back', async () => {
      const argv = [...room.installation.engine.enterClient, 'plink', ...byKey(), '-no-antispoof', `jbond007@${room.host}`];
      const { exitCode, screen } = await typeInto(argv, [
        [/Welcome[^]*myserver> /u, 'ssh 1'],
        [/\$ /u, 'tty; hostname; exit 5'],
        [/\nserver-1\r\n[^]*myserver> /u, 'exit 6'],
      ]);
      assert.match(screen, /\/dev\/pts\/\d+\r\n/u);
      assert.equal(exitCode, 6, screen);
    });

    test('-L carries a file to a port of a server, and what is not a server’s port is refused', async () => {
      const forwards = ['-N', '-L', '7001:server-0:8000', '-L', `7002:myserver:${testBases.usr}`, '-L', '7003:127.0.0.1:9440'];
      const argv = [...room.installation.engine.enterClient, 'plink', ...byKey(), ...forwards, `jbond007@${room.host}`];
      await using _ = await inBackground(argv, async () => await untilListening(room.installation, 7003));
      for (const port of [7001, 7002]) {
        const sent = await client('curl', ['-sS', '-T', file, `http://127.0.0.1:${port}/put`]);
        assert.equal(sent.stdout.split(' ')[0], sum, sent.stderr);
      }
      // Control's own door, which answers everybody on the host.
      const refused = await client('curl', ['-sS', '--max-time', '10', 'http://127.0.0.1:7003/']);
      assert.deepEqual([refused.exitCode === 0, refused.stdout], [false, '']);
    });

    test('-D leads to every server by its name, and out to nobody else', async () => {
      const argv = [...room.installation.engine.enterClient, 'plink', ...byKey(), '-N', '-D', '7010', `jbond007@${room.host}`];
      await using _ = await inBackground(argv, async () => await untilListening(room.installation, 7010));
      const curl = (url: string) => client('curl', ['-sS', '--max-time', '10', '-x', 'socks5h://127.0.0.1:7010', url]);
      const seen = await curl('http://server-0:8000/peer');
      assert.deepEqual([seen.stdout, seen.exitCode], [`${room.installation.engine.hostAddress}\n`, 0], seen.stderr);
      for (const host of ['localhost', '127.0.0.1', room.host]) assert.notEqual((await curl(`http://${host}:9440/`)).exitCode, 0, host);
    });

    test('-R begins on a server and ends where the client is', async () => {
      const forward = ['-N', '-R', `7020:${room.host}:22`];
      const argv = [...room.installation.engine.enterClient, 'plink', ...byKey(), ...forward, `0@${room.host}`];
      const listensInside = async () => void (await inside(room.installation, 0, listens(7020)));
      await using _ = await inBackground(argv, listensInside);
      // The bastion says so itself; nobody on the server does.
      const greeting = await inside(room.installation, 0, 'exec 3<>/dev/tcp/127.0.0.1/7020; timeout 10 head -c 16 <&3');
      assert.equal(greeting, 'SSH-2.0-myserver');
    });

    test('-nc joins its own input and output with a port of a server', async () => {
      const ran = await client('plink', [...byKey(), '-nc', 'server-1:22', `jbond007@${room.host}`], { timeoutMs: 20_000 });
      assert.match(ran.stdout, /^SSH-2\.0-OpenSSH/u, ran.stderr);
      const request = 'GET /peer HTTP/1.0\r\n\r\n';
      const web = await client('plink', [...byKey(), '-nc', 'localhost:8000', `0@${room.host}`], { input: request, timeoutMs: 20_000 });
      assert.match(web.stdout, /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n127\.0\.0\.1\n$/u, web.stderr);
    });
  });

  for (const protocol of ['-scp', '-sftp']) {
    test(`pscp ${protocol} copies a file and a directory both ways, and lists`, async () => {
      const target = `0@${room.host}:with${protocol}`;
      const pscp = async (...words: readonly string[]) => {
        const ran = await client('pscp', [...byKey(), '-q', protocol, ...words]);
        assert.equal(ran.exitCode, 0, `pscp ${words.join(' ')}\n${ran.stderr}${ran.stdout}`);
        return ran.stdout;
      };
      await pscp(file, target);
      await pscp(target, `${file}${protocol}`);
      assert.equal(await sumOf(`${file}${protocol}`), sum);
      const tree = at(`tree${protocol}`);
      await mkdir(join(tree, 'deep'), { recursive: true });
      await writeFile(join(tree, 'deep', 'with blank'), 'text\n');
      await pscp('-r', tree, `0@${room.host}:`);
      await mkdir(at(`back${protocol}`));
      await pscp('-r', `0@${room.host}:tree${protocol}`, at(`back${protocol}`));
      assert.equal(await readFile(join(at(`back${protocol}`), `tree${protocol}`, 'deep', 'with blank'), 'utf8'), 'text\n');
      assert.match(await pscp('-ls', `0@${room.host}:tree${protocol}`), / deep$/mu);
    });
  }

  test('pscp enters as another user inside by that user’s password', async () => {
    const ran = await client('pscp', [...byKey(), '-q', '-pw', guestPassword, file, `guest@0@${room.host}:mine`]);
    assert.equal(ran.exitCode, 0, ran.stderr);
    assert.equal(await inside(room.installation, 0, 'stat -c "%U %s" /home/guest/mine'), 'guest 300000\n');
  });

  test('psftp runs a batch: puts, renames, changes rights, goes on with half a file, gets', async () => {
    const half = at('half');
    await writeFile(half, (await readFile(file)).subarray(0, 100_000));
    const batch = at('batch');
    const lines = [
      'mkdir by-psftp',
      'cd by-psftp',
      `put ${half} one`,
      `reput ${file} one`,
      'chmod 600 one',
      'mv one two',
      'ls',
      `get two ${file}.psftp`,
    ];
    await writeFile(batch, `${lines.join('\n')}\nquit\n`);
    const ran = await client('psftp', [...byKey(), '-b', batch, `0@${room.host}`]);
    assert.equal(ran.exitCode, 0, ran.stderr + ran.stdout);
    assert.match(ran.stdout, /^-rw------- .* 300000 .* two$/mu);
    assert.equal(await sumOf(`${file}.psftp`), sum);
  });

  test('psftp at the lobby is told that a server is needed', async () => {
    const batch = at('nothing');
    await writeFile(batch, 'quit\n');
    const ran = await client('psftp', [...byKey(), '-b', batch, `jbond007@${room.host}`]);
    assert.notEqual(ran.exitCode, 0);
    assert.match(ran.stderr + ran.stdout, /needs a server/u);
  });
});
