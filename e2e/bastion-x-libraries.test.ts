/** The bastion with clients that share no code with OpenSSH or with ours: dropbear's dbclient, and Python's paramiko and asyncssh, which programs are written with. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { type Ran, runProcess } from '../src/testing/run-process.ts';
import { lacksImages, testBases } from '../src/testing/test-installation.ts';
import { inBackground } from './background.ts';
import { type BastionRoom, makeBastionRoom, untilListening, type Visitor } from './bastion-room.ts';
import { httpProgram, inside, runInside } from './inside.ts';
import { asyncsshProgram, paramikoProgram } from './python-clients.ts';
import { type KeyPair, makeKeyPair, publishedHostKeys } from './secure-shell.ts';
import { typeInto } from './typist.ts';

const guestPassword = 'eleven yellow trams';
/** In a server: waits until something does. */
const listens = (port: number) => `timeout 15 bash -c 'until ss -Htln "sport = :${port}" | grep -q .; do sleep 0.05; done'`;

suite('bastion x libraries', { skip: lacksImages }, () => {
  let room: BastionRoom;
  let jbond: Visitor;
  let file: string;
  let sum: string;
  let strange: KeyPair;
  const at = (name: string) => join(room.installation.engine.dir, name);
  const sumOf = async (path: string) => (await runProcess(['sha256sum', path])).stdout.split(' ')[0] ?? '';

  before(async () => {
    room = await makeBastionRoom();
    jbond = await room.person('jbond007');
    await jbond.ok('create', '--count', '2');
    const { installation } = room;
    file = at('upload');
    await writeFile(file, randomBytes(3_000_000));
    sum = await sumOf(file);
    strange = await makeKeyPair(installation, 'strange');
    await inside(installation, 0, `useradd -m -s /bin/bash guest && echo 'guest:${guestPassword}' | chpasswd`);
    await runInside(installation, 0, 8000, ['perl', '-e', httpProgram, '8000']);
  });
  after(async () => await room?.[Symbol.asyncDispose]());

  // Its own jump starts it again, by the path that it was started by.
  const dropbear = '/usr/bin/dbclient';
  const byPassword = async (password: string) =>
    await room.installation.run('client', [dropbear, `jbond007+1@${room.host}`, 'hostname; exit 3'], {
      env: { ...process.env, HOME: at(''), DROPBEAR_PASSWORD: password },
    });

  suite('dbclient', () => {
    const dbclient = (...words: readonly string[]) => [dropbear, '-T', '-i', at('dropbear'), ...words];
    const run = async (...words: readonly string[]) => await room.installation.run('client', dbclient(...words));

    before(async () => {
      const converted = await runProcess(['dropbearconvert', 'openssh', 'dropbear', jbond.key.path, at('dropbear')]);
      assert.equal(converted.exitCode, 0, converted.stderr);
      // It reads this one only, in the home directory, which is the engine's in these tests.
      await mkdir(at('.ssh'), { mode: 0o700 });
      const published = await readFile(await publishedHostKeys(room.installation), 'utf8');
      const ofServer = published
        .split('\n')
        .find((line) => line.includes(`]:${testBases.ssh} `))
        ?.split(' ')
        .slice(1)
        .join(' ');
      await writeFile(at('.ssh/known_hosts'), `${await readFile(at('known_bastion'), 'utf8')}server-0 ${ofServer}\n`);
    });

    test('signs in with a key to the lobby, and to a server, exit code and error side as they are', async () => {
      const lobby = await run(`jbond007@${room.host}`, 'whoami');
      assert.deepEqual([lobby.stdout, lobby.exitCode], ['jbond007\n', 0], lobby.stderr);
      const ran = await run(`0@${room.host}`, 'id -un; hostname; echo oops >&2; exit 7');
      assert.deepEqual([ran.stdout, ran.stderr, ran.exitCode], ['jbond007\nserver-0\n', 'oops\n', 7]);
    });

    test('signs in with a password, its own way of asking', async () => {
      const ran = await byPassword(jbond.password);
      assert.deepEqual([ran.stdout, ran.exitCode], ['server-1\n', 3], ran.stderr);
    });

    test('has a terminal in the lobby and on a server', async () => {
      const argv = [
        ...room.installation.engine.enterClient,
        'env',
        `HOME=${at('')}`,
        dropbear,
        '-i',
        at('dropbear'),
        `jbond007@${room.host}`,
      ];
      const { exitCode, screen } = await typeInto(argv, [
        [/Welcome[^]*myserver> /u, 'ssh 0'],
        [/\$ /u, 'tty; hostname; exit'],
        [/\nserver-0\r\n[^]*myserver> /u, 'exit 6'],
      ]);
      assert.match(screen, /\/dev\/pts\/\d+\r\n/u);
      assert.equal(exitCode, 6, screen);
    });

    test('carries bytes of any kind to a command and back, and ends with it', async () => {
      const bytes = randomBytes(400_000).toString('latin1');
      const { stdout, exitCode } = await room.installation.run('client', dbclient(`0@${room.host}`, 'cat; exit 9'), { input: bytes });
      assert.equal(exitCode, 9);
      assert.ok(stdout === bytes, 'what came back is not what was sent');
    });

    test('-L carries a file to a port of a server', async () => {
      const { enterClient } = room.installation.engine;
      const argv = [...enterClient, 'env', `HOME=${at('')}`, ...dbclient('-N', '-L', '7101:server-0:8000', `jbond007@${room.host}`)];
      await using _ = await inBackground(argv, async () => await untilListening(room.installation, 7101));
      const sent = await room.installation.run('client', ['curl', '-sS', '-T', file, 'http://127.0.0.1:7101/put']);
      assert.equal(sent.stdout.split(' ')[0], sum, sent.stderr);
    });

    test('-R begins on a server and ends where the client is', async () => {
      const { enterClient } = room.installation.engine;
      const argv = [...enterClient, 'env', `HOME=${at('')}`, ...dbclient('-N', '-R', `7102:${room.host}:22`, `0@${room.host}`)];
      const listensInside = async () => void (await inside(room.installation, 0, listens(7102)));
      await using _ = await inBackground(argv, listensInside);
      const greeting = await inside(room.installation, 0, 'exec 3<>/dev/tcp/127.0.0.1/7102; timeout 10 head -c 16 <&3');
      assert.equal(greeting, 'SSH-2.0-myserver');
    });

    test('goes through the bastion to a server by its own jump, hop,hop', async () => {
      const ran = await run(`jbond007@${room.host},jbond007@server-0`, 'hostname; echo $SSH_CONNECTION; exit 5');
      const [hostname, connection = ''] = ran.stdout.split('\n');
      assert.deepEqual([hostname, ran.exitCode], ['server-0', 5], ran.stderr);
      assert.ok(connection.startsWith(`${room.installation.engine.hostAddress} `), connection);
    });

    test('goes through the bastion to a server by a program for its line, -J', async () => {
      const line = dbclient('-B', 'server-0:22', `jbond007@${room.host}`).join(' ');
      const ran = await run('-J', line, 'jbond007@server-0', 'hostname; exit 5');
      assert.deepEqual([ran.stdout, ran.exitCode], ['server-0\n', 5], ran.stderr);
    });
  });

  /** One deed of a Python program below; what it prints is JSON. */
  async function python<T>(program: string, deed: string): Promise<T> {
    const given = {
      address: room.host,
      key: jbond.key.path,
      strangeKey: strange.path,
      knownHosts: at('known_bastion'),
      file,
      back: at(`back-${deed}`),
      guestPassword,
    };
    const argv = ['/usr/bin/python3', '-W', 'ignore', '-c', program, deed, JSON.stringify({ ...given, password: jbond.password })];
    const ran: Ran = await room.installation.run('client', argv, { timeoutMs: 30_000 });
    assert.equal(ran.exitCode, 0, ran.stderr + ran.stdout);
    return JSON.parse(ran.stdout) as T;
  }

  for (const [library, program] of [
    ['paramiko', paramikoProgram],
    ['asyncssh', asyncsshProgram],
  ] as const) {
    suite(library, () => {
      test('signs in with a key and runs a command: exit code, and error side apart', async () => {
        assert.deepEqual(await python(program, 'exec'), { code: 7, out: 'jbond007\nserver-0\n', err: 'oops\n' });
      });

      test('signs in with a password; a wrong one is an error of authentication', async () => {
        assert.deepEqual(await python(program, 'password'), { hostname: 'server-1\n', wrong: 'refused' });
      });

      test('tries its keys one after the other', async () => {
        assert.deepEqual(await python(program, 'keys'), { user: 'jbond007\n' });
      });

      test('enters as another user inside with a key first and that user’s password then', async () => {
        assert.deepEqual(await python(program, 'guest'), { user: 'guest\n' });
      });

      test('has the code of a command that a signal ended', async () => {
        assert.deepEqual(await python(program, 'signal'), library === 'asyncssh' ? { signal: 'KILL' } : { code: -1 });
      });

      test('puts, lists, renames and gets files by SFTP', async () => {
        assert.deepEqual(await python(program, 'sftp'), { names: ['moved'], size: 3_000_000, mode: '600' });
        assert.equal(await sumOf(at('back-sftp')), sum);
      });

      test('opens a port of a server, and is told why another is not opened', async () => {
        const { peer, refused } = await python<{ peer: string; refused: string }>(program, 'forward');
        assert.equal(peer, `${room.installation.engine.hostAddress}\n`);
        assert.match(refused, /prohibited|not/iu);
      });

      test('goes on through the bastion to a server’s own sshd', async () => {
        assert.deepEqual(await python(program, 'jump'), { hostname: 'server-0\n' });
      });

      test('has a shell on a terminal that changes its size', async () => {
        assert.deepEqual(await python(program, 'shell'), { sizes: ['24 80', '50 132'], term: 'xterm-256color', code: 4 });
      });

      test('takes what connects to a port on a server', async () => {
        assert.deepEqual(await python(program, 'reverse'), { heard: 'from inside\n', answered: 'from outside\n' });
      });

      test('runs fifteen sessions at once over one connection', async () => {
        assert.deepEqual(await python(program, 'parallel'), { outputs: Array.from({ length: 15 }, (_, number) => `${number} server-0\n`) });
      });

      test('changes keys in the midst of a transfer', async () => {
        const { sha256, exchanges } = await python<{ sha256: string; exchanges: number }>(program, 'rekey');
        assert.equal(sha256, sum);
        assert.ok(exchanges >= 2, `only ${exchanges} key exchanges`);
      });
    });
  }

  test('dbclient with a key that is not known, again and again, locks nobody’s password', async () => {
    const converted = await runProcess(['dropbearconvert', 'openssh', 'dropbear', strange.path, at('strange-dropbear')]);
    assert.equal(converted.exitCode, 0, converted.stderr);
    for (let each = 0; each < 12; each += 1) {
      // Without a terminal it answers each question for a password with nothing.
      const argv = [dropbear, '-T', '-i', at('strange-dropbear'), `jbond007@${room.host}`, 'whoami'];
      const ran = await room.installation.run('client', argv, { env: { ...process.env, HOME: at('') } });
      assert.equal(ran.stdout, '');
      assert.match(ran.stderr, /Password of jbond007: [^]*Disconnect received/u);
      assert.doesNotMatch(ran.stderr, /too many/u);
    }
    const lines = JSON.parse(await room.installation.ok('audit', '--person', 'jbond007', '--limit', '100', '-f', 'json')) as readonly {
      readonly detail: string;
    }[];
    const shown = lines.filter(({ detail }) => /keys? shown, none that does/u.test(detail));
    assert.ok(shown.length >= 5 && shown.length < 12, JSON.stringify(lines));
    assert.equal((await byPassword(jbond.password)).stdout, 'server-1\n');
  });

  // The last: it tries six times with the one that it has, and then the throttle holds up the next.
  test('dbclient does not get in with a wrong password', async () => {
    const ran = await byPassword('another password');
    assert.equal(ran.stdout, '');
    assert.match(ran.stderr, /Disconnect received/u);
  });
});
