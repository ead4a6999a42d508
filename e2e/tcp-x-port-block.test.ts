/** TCP through the port blocks: web servers, programs of one's own and any other protocol, from everywhere that they must be reached from. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { runProcess } from '../src/testing/run-process.ts';
import { lacksImages, makeTestInstallation, type TestInstallation, testBases } from '../src/testing/test-installation.ts';
import { echoProgram, httpProgram, inside, runInside } from './inside.ts';
import { makeKeyPair, publishedHostKeys, shellOf } from './secure-shell.ts';

/** web runs nginx; own runs programs of its owner; brief is stopped and dropped. */
const ids = { web: 3, own: 4, brief: 5 } as const;
const megabytes = 50;

suite('TCP x port block', { skip: lacksImages }, () => {
  let installation: TestInstallation;
  let publicAddress: string;
  before(async () => {
    installation = await makeTestInstallation({ images: ['minimal', 'web'] });
    ({ publicAddress } = installation.engine);
    await installation.ok('user', 'add', 'jbond007', '--role', 'administrator');
    const key = await makeKeyPair(installation, 'key');
    await installation.ok('key', 'add', '--person', 'jbond007', key.publicPath);
    await Promise.all([
      installation.ok('create', String(ids.web), '--type', 'web'),
      installation.ok('create', String(ids.own)),
      installation.ok('create', String(ids.brief)),
    ]);
    await Promise.all([
      runInside(installation, ids.own, 8000, ['perl', '-e', httpProgram, '8000']),
      runInside(installation, ids.own, 80, ['/usr/sbin/sshd', '-D', '-p', '80']),
      runInside(installation, ids.web, 8000, ['perl', '-e', echoProgram, '8000']),
      runInside(installation, ids.brief, 8000, ['perl', '-e', echoProgram, '8000']),
    ]);
  });
  after(() => installation[Symbol.asyncDispose]());

  const curl = (url: string, ...more: readonly string[]) => ['curl', '-sS', '--fail', '--connect-timeout', '10', ...more, url];
  const www = (host: string, id: number) => `http://${host}:${testBases.www + id}/`;
  const usr = (host: string, id: number) => `http://${host}:${testBases.usr + id}/`;
  const text = async (where: 'host' | 'client', argv: readonly string[]) => {
    const ran = await installation.run(where, argv);
    assert.deepEqual([ran.exitCode, ran.stderr], [0, '']);
    return ran.stdout;
  };

  suite('the web server of a server of type web names the server', () => {
    const named = /<h1>server-3<\/h1>/u;
    test('to another machine', async () => assert.match(await text('client', curl(www(publicAddress, ids.web))), named));
    test('to the host by its public address', async () => assert.match(await text('host', curl(www(publicAddress, ids.web))), named));
    test('to the host by 127.0.0.1', async () => assert.match(await text('host', curl(www('127.0.0.1', ids.web))), named));
    test('to the host by its address among the servers', async () =>
      assert.match(await text('host', curl(www(installation.engine.hostAddress, ids.web))), named));
    test('to the host by the private address', async () => assert.match(await text('host', curl('http://10.77.1.3/')), named));
    test('to another server by the public address', async () =>
      assert.match(await inside(installation, ids.own, curl(www(publicAddress, ids.web)).join(' ')), named));
    test('to itself by the public address', async () =>
      assert.match(await inside(installation, ids.web, curl(www(publicAddress, ids.web)).join(' ')), named));
    test('to another server on the private network', async () =>
      assert.match(await inside(installation, ids.own, curl('http://10.77.1.3/').join(' ')), named));
  });

  suite('a program of one’s own on port 8000', () => {
    const peer = (url: string) => curl(`${url}peer`);
    test('sees the client’s true address', async () =>
      assert.equal(await text('client', peer(usr(publicAddress, ids.own))), `${installation.engine.clientAddress}\n`));
    test('sees the true address of whoever is behind the client too', async () => {
      const { farAddress } = installation.engine;
      assert.equal(await text('client', [...peer(usr(publicAddress, ids.own)), '--interface', farAddress]), `${farAddress}\n`);
    });
    test('is reached from the host by 127.0.0.1 and its public address', async () => {
      await text('host', peer(usr('127.0.0.1', ids.own)));
      await text('host', peer(usr(publicAddress, ids.own)));
    });
    test('is reached from another server by the public address', async () => {
      await inside(installation, ids.web, peer(usr(publicAddress, ids.own)).join(' '));
    });
    test('sees another server’s own address on the private network', async () =>
      assert.equal(await inside(installation, ids.web, curl('http://10.77.1.4:8000/peer').join(' ')), '10.77.1.3\n'));
    test('serves many connections at once', async () => {
      const many = Array.from({ length: 200 }, () => `${usr(publicAddress, ids.own)}peer`);
      const answers = await text('client', ['curl', '-sS', '--fail', '--no-progress-meter', '--parallel', '--parallel-max', '50', ...many]);
      assert.equal(answers, `${installation.engine.clientAddress}\n`.repeat(many.length));
    });
  });

  suite('other protocols', () => {
    test('an SSH service on port 80 is reached through the www block', async () => {
      const known = await publishedHostKeys(installation);
      const key = { path: join(installation.engine.dir, 'key'), publicPath: '' };
      const shell = shellOf(installation, ids.own, 'jbond007', { key, knownHosts: known });
      const port = String(testBases.www + ids.own);
      const argv = shell.argv('hostname').map((word) => (word === String(shell.port) ? port : word));
      const trust = ['-o', `HostKeyAlias=[${publicAddress}]:${shell.port}`];
      const ran = await installation.run('client', [...argv.slice(0, 1), ...trust, ...argv.slice(1)]);
      assert.deepEqual([ran.exitCode, ran.stdout], [0, 'server-4\n'], ran.stderr);
    });

    test('an echo server on port 8000 gives back every byte, of any value and in any portions', async () => {
      const line = await openLine(installation, usrPort(ids.web));
      const bytes = randomBytes(3_000_000);
      assert.ok((await line.exchange(bytes)).equals(bytes));
      assert.ok((await line.exchange(bytes.subarray(0, 1))).equals(bytes.subarray(0, 1)));
      line.close();
    });
  });

  suite(`${megabytes} MB arrive whole`, () => {
    const sum = async (path: string) => (await runProcess(['sha256sum', path])).stdout.split(' ')[0];
    test('when a client sends them', async () => {
      const file = join(installation.engine.dir, 'large');
      await writeFile(file, randomBytes(megabytes * 1_000_000));
      const answer = await text('client', curl(`${usr(publicAddress, ids.own)}`, '-T', file));
      assert.equal(answer.split(' ')[0], await sum(file));
    });

    test('when a client fetches them', async () => {
      const page = '/var/www/html/large';
      const made = await inside(installation, ids.web, `head -c ${megabytes}000000 /dev/urandom > ${page} && sha256sum ${page}`);
      const file = join(installation.engine.dir, 'fetched');
      await text('client', curl(`${www(publicAddress, ids.web)}large`, '-o', file));
      assert.equal(await sum(file), made.split(' ')[0]);
    });
  });

  suite('a server that goes', () => {
    const attempt = async () => await installation.run('client', ['curl', '-sS', '--max-time', '2', `${usr(publicAddress, ids.brief)}`]);

    test('when stopped refuses at once, and when started again answers as before', async () => {
      await installation.ok('stop', String(ids.brief));
      const { exitCode, stderr } = await attempt();
      assert.equal(exitCode, 7, stderr);
      await installation.ok('start', String(ids.brief));
      await runInside(installation, ids.brief, 8000, ['perl', '-e', echoProgram, '8000']);
      const line = await openLine(installation, usrPort(ids.brief));
      assert.equal((await line.exchange(Buffer.from('back'))).toString(), 'back');
      line.close();
    });

    test('when dropped cuts its open connections and no others, and closes its ports', async () => {
      const line = await openLine(installation, usrPort(ids.brief));
      const other = await openLine(installation, usrPort(ids.web));
      assert.equal((await line.exchange(Buffer.from('before'))).toString(), 'before');
      await installation.ok('drop', String(ids.brief), '-y');
      assert.equal((await other.exchange(Buffer.from('still here'))).toString(), 'still here');
      other.close();
      line.send(Buffer.from('after'));
      assert.match(await line.ended, /^(?:closed|ECONNRESET|EPIPE)$/u);
      const { exitCode, stderr } = await attempt();
      assert.equal(exitCode, 7, stderr);
      const rules = await text('host', ['nft', 'list', 'table', 'inet', 'myserver_test']);
      assert.ok(!rules.includes(String(usrPort(ids.brief))), 'the port is still in the rules');
    });
  });
});

function usrPort(id: number): number {
  return testBases.usr + id;
}

interface OpenLine {
  /** Sends and gives back as many bytes as were sent. */
  exchange(bytes: Buffer): Promise<Buffer>;
  send(bytes: Buffer): void;
  /** `closed`, or the code of the error. */
  readonly ended: Promise<string>;
  close(): void;
}

/** In a process on the client machine: a pipe to and from a TCP connection; its last line on the error side says how it ended. */
const plug = `
const socket = require('node:net').connect(Number(process.argv[2]), process.argv[1]);
socket.on('connect', () => process.stderr.write('open\\n'));
socket.on('error', ({ code }) => { process.stderr.write(code + '\\n'); process.exit(1); });
socket.on('close', () => { process.stderr.write('closed\\n'); process.exit(0); });
process.stdin.pipe(socket);
socket.pipe(process.stdout);
`;

async function openLine(installation: TestInstallation, port: number): Promise<OpenLine> {
  const { enterClient, publicAddress } = installation.engine;
  const words = ['-e', plug, publicAddress, String(port)];
  const [program = '', ...args] = enterClient;
  const child = spawn(program, [...args, process.execPath, ...words], { stdio: ['pipe', 'pipe', 'pipe'] });
  const said = wordsOf(child);
  child.stdin.on('error', () => {});
  assert.equal(await said.next(), 'open');
  const ended = Promise.race([said.next(), new Promise<string>((resolve) => setTimeout(resolve, 20_000, 'still open').unref())]);
  return {
    async exchange(bytes) {
      const chunks: Buffer[] = [];
      let missing = bytes.length;
      child.stdin.write(bytes);
      while (missing > 0) {
        const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
        chunks.push(chunk);
        missing -= chunk.length;
      }
      return Buffer.concat(chunks);
    },
    send: (bytes) => void child.stdin.write(bytes),
    ended,
    close: () => void child.kill(),
  };
}

function wordsOf(child: ChildProcess): { next(): Promise<string> } {
  const words: string[] = [];
  const waiting: ((word: string) => void)[] = [];
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    for (const word of text.trim().split('\n')) (waiting.shift() ?? ((late) => words.push(late)))(word);
  });
  return { next: () => new Promise((resolve) => (words.length > 0 ? resolve(words.shift() ?? '') : waiting.push(resolve))) };
}
