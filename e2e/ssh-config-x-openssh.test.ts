/** What `myserver ssh-config` writes, read by real clients: OpenSSH with our KnownHostsCommand, PuTTY with its own files. */
import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { runProcess } from '../src/testing/run-process.ts';
import { lacksImages, makeTestInstallation, testBases, type TestInstallation } from '../src/testing/test-installation.ts';
import { addPerson, type Person } from './person.ts';
import { type KeyPair, makeKeyPair } from './secure-shell.ts';

const forwardPort = 18_822;

suite('ssh-config x OpenSSH', { skip: lacksImages }, () => {
  let installation: TestInstallation;
  let jbond: Person;
  let mm: Person;
  let key: KeyPair;
  let ppk: string;
  let config: string;

  /** On the host, where control can be asked: nothing but the written file tells ssh where to go and what to believe. */
  const ssh = async (...words: readonly string[]) => {
    const login = ['-i', key.path, '-o', 'IdentitiesOnly=yes', '-o', 'BatchMode=yes', '-o', 'ConnectTimeout=10'];
    const env = { ...process.env, HOME: jbond.home, SSH_AUTH_SOCK: '' };
    return await installation.run('host', ['ssh', '-F', config, ...login, ...words], { env });
  };
  const sshOk = async (...words: readonly string[]) => {
    const ran = await ssh(...words);
    assert.deepEqual([ran.exitCode, ran.stderr], [0, ''], words.join(' '));
    return ran.stdout;
  };

  before(async () => {
    installation = await makeTestInstallation();
    [jbond, mm, key] = await Promise.all([
      addPerson(installation, 'jbond007'),
      addPerson(installation, 'mm'),
      makeKeyPair(installation, 'key'),
    ]);
    ppk = join(installation.engine.dir, 'key.ppk');
    const made = await runProcess(['puttygen', key.path, '-O', 'private', '-o', ppk]);
    assert.equal(made.exitCode, 0, made.stderr);
    await jbond.ok('key', 'add', key.publicPath);
    await jbond.ok('create', '--count', '2');
    await jbond.ok('set', '1', '--name', 'web');
    await jbond.ok('ssh-config', '--write', '--local-forward', `0=${forwardPort}:localhost:22`);
    config = join(jbond.home, '.ssh', 'config');
  });
  after(() => installation[Symbol.asyncDispose]());

  test('each name opens its server, with the key from our command and nothing asked or warned of', async () => {
    assert.equal((await stat(config)).mode & 0o777, 0o600);
    for (const [name, host] of [
      ['server-0', 'server-0'],
      ['0', 'server-0'],
      ['1', 'server-1'],
      ['web', 'server-1'],
    ] as const)
      assert.equal(await sshOk(name, 'id -un; hostname'), `jbond007\n${host}\n`, name);
  });

  test('a server that shows the key of another is refused', async () => {
    const { exitCode, stdout, stderr } = await ssh('-p', String(testBases.ssh + 1), 'server-0', 'hostname');
    assert.deepEqual([exitCode, stdout], [255, '']);
    assert.match(stderr, /Host key verification failed/u);
  });

  test('the forward listens while the connection is there, and leads inside', async () => {
    const banner = `exec 3<>/dev/tcp/127.0.0.1/${forwardPort} && head -n 1 <&3`;
    const script = `"$@" >/dev/null 2>&1 & for try in $(seq 60); do (${banner}) 2>/dev/null && break; sleep 0.1; done; kill $!; wait`;
    const keep = ['ssh', '-F', config, '-i', key.path, '-o', 'ExitOnForwardFailure=yes', '-N', 'server-0'];
    const env = { ...process.env, HOME: jbond.home, SSH_AUTH_SOCK: '' };
    const ran = await installation.run('host', ['bash', '-c', script, 'bash', ...keep], { env });
    assert.match(ran.stdout, /^SSH-2\.0-OpenSSH/u, ran.stderr);
  });

  test('known-hosts answers by port and by alias without a sign-in, and with nothing for a stranger', async () => {
    const env = { ...process.env, HOME: installation.engine.dir, MYSERVER_URL: 'http://127.0.0.1:9440', MYSERVER_USER: 'nobody' };
    const ask = async (host: string) => await installation.myserver(['known-hosts', host], { env });
    const [port, alias, other] = [
      await ask(`[${installation.engine.publicAddress}]:${testBases.ssh}`),
      await ask('server-0'),
      await ask('git'),
    ];
    assert.deepEqual([other.exitCode, other.stdout, other.stderr], [0, '', '']);
    assert.match(alias.stdout, /^server-0 ssh-ed25519 \S+\n$/u);
    assert.equal(port.stdout.split(' ').slice(1).join(' '), alias.stdout.split(' ').slice(1).join(' '));
  });

  test("PuTTY's session opens its server, its host key known beforehand as PuTTY itself writes it, and forwards", async () => {
    const home = join(installation.engine.dir, 'putty-home');
    const env = { ...process.env, HOME: home };
    const plink = async (...words: string[]) =>
      await installation.run('client', ['plink', '-batch', '-i', ppk, ...words], { env, timeoutMs: 20_000 });
    const forwards = ['--local-forward', `${forwardPort}:localhost:22`, '--dynamic-forward', String(forwardPort + 1)];
    await jbond.ok('ssh-config', '--putty-unix', join(home, '.putty'), ...forwards);
    const ran = await plink('-v', '-load', 'server-1', 'id -un; hostname');
    assert.deepEqual([ran.exitCode, ran.stdout], [0, 'jbond007\nserver-1\n'], ran.stderr);
    assert.match(ran.stderr, new RegExp(`port ${forwardPort} forwarding to localhost:22`, 'u'));
    assert.match(ran.stderr, new RegExp(`port ${forwardPort + 1} SOCKS dynamic forwarding`, 'u'));
    const keys = join(home, '.putty', 'sshhostkeys');
    await writeFile(keys, (await readFile(keys, 'utf8')).replaceAll(' 0x', ' 0x1'));
    const refused = await plink('-load', 'server-1', 'hostname');
    assert.deepEqual([refused.exitCode, refused.stdout], [1, '']);
    assert.match(refused.stderr, /WARNING - POTENTIAL SECURITY BREACH/u);
  });

  test('the file for a machine without myserver holds the keys itself', async () => {
    const file = join(installation.engine.dir, 'inline.config');
    await writeFile(file, await jbond.ok('ssh-config', '--inline-keys'));
    const ran = await installation.run('client', ['ssh', '-F', file, '-i', key.path, '-o', 'BatchMode=yes', 'web', 'hostname']);
    assert.deepEqual([ran.exitCode, ran.stdout, ran.stderr], [0, 'server-1\n', '']);
  });

  test("drop and create by the same person, and by another, give no warning; the key that is nobody's any more is revoked", async () => {
    await jbond.ok('drop', '0', '-y');
    await jbond.ok('create', '0');
    assert.equal(await sshOk('server-0', 'hostname'), 'server-0\n');
    const before = await jbond.ok('known-hosts', 'server-0');
    await jbond.ok('drop', '0', '-y');
    await mm.ok('key', 'add', key.publicPath);
    await mm.ok('create', '0');
    assert.equal(await sshOk('-l', 'mm', 'server-0', 'hostname'), 'server-0\n');
    const now = await jbond.ok('known-hosts', 'server-0');
    assert.ok(now.endsWith(`@revoked * ${before.split(' ').slice(1).join(' ')}`) && !now.startsWith(before), now);
  });

  test('--remove leaves nothing behind', async () => {
    await jbond.ok('ssh-config', '--remove');
    await assert.rejects(stat(config), { code: 'ENOENT' });
    await assert.rejects(stat(join(jbond.home, '.ssh', 'myserver.config')), { code: 'ENOENT' });
  });
});
