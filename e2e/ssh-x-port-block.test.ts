/** SSH through the port block at base + ID: OpenSSH and PuTTY on a machine outside, sshd in real servers. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { runProcess } from '../src/testing/run-process.ts';
import { lacksImages, makeTestInstallation, type TestInstallation } from '../src/testing/test-installation.ts';
import { addPerson, localUrl, type Person } from './person.ts';
import { type KeyPair, makeKeyPair, publishedHostKeys, type Shell, shellOf, sshOptions } from './secure-shell.ts';
import { typeInto } from './typist.ts';

interface Created {
  readonly passwords: readonly { readonly id: number; readonly user: string; readonly password: string }[];
}

const chosen = 'seventeen green boats';

suite('SSH x port block', { skip: lacksImages }, () => {
  let installation: TestInstallation;
  let jbond: Person;
  let mm: Person;
  let openSsh: KeyPair;
  let rsa: KeyPair;
  let putty: string;
  let knownHosts: string;
  /** By ID: 0 and 1 are jbond's. */
  let passwords: readonly string[];
  let shell: Shell;

  before(async () => {
    installation = await makeTestInstallation();
    const { engine } = installation;
    putty = join(engine.dir, 'putty.ppk');
    [jbond, mm, openSsh, rsa] = await Promise.all([
      addPerson(installation, 'jbond007'),
      addPerson(installation, 'mm'),
      makeKeyPair(installation, 'openssh'),
      makeKeyPair(installation, 'rsa', '-t', 'rsa', '-b', '2048'),
    ]);
    // One key in each of the forms that people have: OpenSSH, RFC 4716, PuTTY.
    const rfc4716 = await runProcess(['ssh-keygen', '-e', '-m', 'RFC4716', '-f', rsa.publicPath]);
    await writeFile(join(engine.dir, 'rsa.4716'), rfc4716.stdout);
    const ecdsa = await makeKeyPair(installation, 'ecdsa', '-t', 'ecdsa');
    const made = await runProcess(['puttygen', ecdsa.path, '-O', 'private', '-o', putty]);
    assert.equal(made.exitCode, 0, made.stderr);
    await jbond.ok('key', 'add', openSsh.publicPath, join(engine.dir, 'rsa.4716'), putty);
    const created = await jbond.json<Created>('create', '--count', '2');
    passwords = created.passwords.map(({ password }) => password);
    knownHosts = await publishedHostKeys(installation);
    shell = shellOf(installation, 0, 'jbond007', { key: openSsh, knownHosts });
  });
  after(() => installation[Symbol.asyncDispose]());

  test('a key added before create opens the server as its admin, with the published host key and no question', async () => {
    assert.equal(await shell.ok('id -un; id -Gn; hostname; pwd'), 'jbond007\njbond007 sudo\nserver-0\n/home/jbond007\n');
  });

  test("the owner's keys in all three forms are inside, and the gateway's own beside them, each on its line", async () => {
    const lines = (await shell.ok('cat .ssh/authorized_keys')).trimEnd().split('\n');
    const kinds = Map.groupBy(lines, (line) => line.split(' ')[0]);
    const counts = Object.fromEntries([...kinds].map(([kind, all]) => [kind, all.length]));
    assert.deepEqual(counts, { 'ecdsa-sha2-nistp256': 1, 'ssh-ed25519': 2, 'ssh-rsa': 1 });
    assert.equal(lines.filter((line) => line.endsWith(' myserver-gateway')).length, 1);
    assert.equal(await shell.ok('stat -c "%a %U %n" .ssh .ssh/authorized_keys'), '700 jbond007 .ssh\n600 jbond007 .ssh/authorized_keys\n');
  });

  test('the key that was added as RFC 4716 opens the server too', async () => {
    assert.equal(await shellOf(installation, 1, 'jbond007', { key: rsa, knownHosts }).ok('hostname'), 'server-1\n');
  });

  test('plink opens the server with the .ppk and knows the host by the fingerprint that info shows', async () => {
    const { hostKeyFingerprint } = await jbond.json<{ readonly hostKeyFingerprint: string }>('info', '0');
    const login = ['-P', String(shell.port), '-i', putty, `jbond007@${installation.engine.publicAddress}`];
    const ran = await installation.run('client', ['plink', '-batch', '-hostkey', hostKeyFingerprint, ...login, 'hostname; exit 9']);
    assert.deepEqual([ran.exitCode, ran.stdout], [9, 'server-0\n'], ran.stderr);
    const wrong = `SHA256:${'A'.repeat(43)}`;
    const refused = await installation.run('client', ['plink', '-batch', '-hostkey', wrong, ...login, 'hostname']);
    assert.notEqual(refused.exitCode, 0);
    assert.equal(refused.stdout, '');
  });

  test('without a key and without a password nobody comes in, root neither', async () => {
    const stranger = await makeKeyPair(installation, 'stranger');
    for (const user of ['jbond007', 'root']) {
      const ran = await shellOf(installation, 0, user, { key: stranger, knownHosts }).run(['id']);
      assert.deepEqual([ran.exitCode, ran.stdout], [255, '']);
      assert.match(ran.stderr, /Permission denied/u);
    }
  });

  test('exit codes, both outputs and bytes of any kind pass through', async () => {
    const bytes = randomBytes(200_000).toString('latin1');
    const ran = await shell.run(['cat; echo done >&2; exit 42'], { input: bytes });
    assert.deepEqual([ran.exitCode, ran.stderr], [42, 'done\n']);
    assert.ok(ran.stdout === bytes, 'what came back is not what was sent');
    const killed = await shell.run(['kill -9 $$']);
    assert.equal(killed.exitCode, 255);
  });

  test('a terminal is given to who asks for one, none to who does not', async () => {
    const { enterClient } = installation.engine;
    const { exitCode, screen } = await typeInto([...enterClient, ...shell.argv()], [[/\$ /u, 'tty; echo $TERM; exit 3']]);
    assert.equal(exitCode, 3);
    assert.match(screen, /\/dev\/pts\/\d+\r\nxterm\r\n/u);
    assert.equal((await shell.run(['tty'])).stdout, 'not a tty\n');
  });

  test('sudo without a terminal does not come for free: the password is asked for', async () => {
    const ran = await shell.run(['sudo -n id -un']);
    assert.deepEqual([ran.exitCode, ran.stdout], [1, '']);
    assert.match(ran.stderr, /a password is required/u);
  });

  test('SSH carries connections to ports inside, as editors need it', async () => {
    const ran = await installation.run('client', [...shell.argv().slice(0, 1), '-W', 'localhost:22', ...shell.argv().slice(1)], {
      timeoutMs: 20_000,
    });
    assert.match(ran.stdout, /^SSH-2\.0-OpenSSH/u);
  });

  suite('while the one-time password is unchanged, a person with a key', () => {
    const target = (path: string) => `jbond007@${installation.engine.publicAddress}:${path}`;
    const port = () => String(shell.port);
    const sum = async (path: string) => (await runProcess(['sha256sum', path])).stdout.split(' ')[0];
    let file: string;
    before(async () => {
      file = join(installation.engine.dir, 'upload');
      await writeFile(file, randomBytes(300_000));
    });

    for (const protocol of ['-O', '-s']) {
      test(`copies both ways by scp ${protocol === '-O' ? 'over the old protocol' : 'over SFTP'}`, async () => {
        const scp = ['scp', protocol, ...sshOptions({ key: openSsh, knownHosts }), '-P', port()];
        const sent = await installation.run('client', [...scp, file, target(`scp${protocol}`)]);
        assert.deepEqual([sent.exitCode, sent.stderr], [0, '']);
        const back = `${file}.back${protocol}`;
        const fetched = await installation.run('client', [...scp, target(`scp${protocol}`), back]);
        assert.deepEqual([fetched.exitCode, fetched.stderr], [0, '']);
        assert.equal(await sum(back), await sum(file));
      });
    }

    test('is told nothing of it, neither with a command nor at a terminal', async () => {
      const ran = await shell.run(['true']);
      assert.deepEqual([ran.exitCode, ran.stdout, ran.stderr], [0, '', '']);
      const { screen } = await typeInto([...installation.engine.enterClient, ...shell.argv()], [[/\$ /u, 'exit']]);
      assert.doesNotMatch(screen, /expire|password/iu);
    });

    test('works with files by sftp', async () => {
      const batch = `mkdir by-sftp\nput ${file} by-sftp/one\nrename by-sftp/one by-sftp/two\nls by-sftp\nget by-sftp/two ${file}.sftp\n`;
      const sftp = ['sftp', '-b', '-', ...sshOptions({ key: openSsh, knownHosts }), '-P', port(), target('').slice(0, -1)];
      const ran = await installation.run('client', sftp, { input: batch });
      assert.equal(ran.exitCode, 0, ran.stderr);
      assert.match(ran.stdout, /by-sftp\/two/u);
      assert.equal(await sum(`${file}.sftp`), await sum(file));
    });

    test('synchronises a directory by rsync', async () => {
      const tree = join(installation.engine.dir, 'tree');
      await mkdir(join(tree, 'deep'), { recursive: true });
      await writeFile(join(tree, 'deep', 'ünusual name'), 'text\n');
      const transport = ['ssh', ...sshOptions({ key: openSsh, knownHosts }), '-p', port()].join(' ');
      const ran = await installation.run('client', ['rsync', '-a', '--stats', '-e', transport, `${tree}/`, target('tree/')]);
      assert.equal(ran.exitCode, 0, ran.stderr);
      assert.equal(await shell.ok('cat "tree/deep/ünusual name"'), 'text\n');
    });
  });

  suite('the one-time password', () => {
    let byPassword: Shell;
    const at = (argv: readonly string[]) => [...installation.engine.enterClient, ...argv];
    before(() => {
      byPassword = shellOf(installation, 0, 'jbond007', { knownHosts });
    });

    test('must be changed at the first login, and a bad new one is not taken', async () => {
      const old = passwords[0] ?? '';
      const { screen } = await typeInto(at(byPassword.argv()), [
        [/password: /u, old],
        [/Current password: /u, old],
        [/New password: /u, 'abc'],
        [/Retype new password: /u, 'abc'],
        [/longer password[^]*New password: /u, chosen],
        [/Retype new password: /u, chosen],
      ]);
      assert.match(screen, /You must change your password now/u);
      assert.match(screen, /password updated successfully/u);
      assert.ok(!screen.includes(old) && !screen.includes(chosen), 'a password was shown');
    });

    test('is refused ever after; the chosen one opens the server and makes root by sudo', async () => {
      const refused = typeInto(at(byPassword.argv('id')), [[/password: /u, passwords[0] ?? '']]);
      const { exitCode, screen } = await typeInto(at(byPassword.argv()), [
        [/password: /u, chosen],
        [/\$ /u, 'sudo id -un; exit 5'],
        [/\[sudo\] password for jbond007: /u, chosen],
      ]);
      assert.equal(exitCode, 5);
      assert.match(screen, /\nroot\r\n/u);
      assert.doesNotMatch(screen, /expire/u);
      const piped = await shell.run(['sudo -S -p "" id -u'], { input: `${chosen}\n` });
      assert.deepEqual([piped.exitCode, piped.stdout, piped.stderr], [0, '0\n', '']);
      const old = await refused;
      assert.equal(old.exitCode, 255);
      assert.match(old.screen, /Permission denied/u);
    });

    test('is made anew by "password ID", and the former password is none then', async () => {
      const { password } = await jbond.json<{ readonly password: string }>('password', '1');
      const second = shellOf(installation, 1, 'jbond007', { knownHosts });
      const refused = typeInto(at(second.argv('id')), [[/password: /u, passwords[1] ?? '']]);
      assert.equal(await shellOf(installation, 1, 'jbond007', { key: openSsh, knownHosts }).ok('hostname'), 'server-1\n');
      const { screen } = await typeInto(at(second.argv()), [
        [/password: /u, password],
        [/Current password: /u, password],
        [/New password: /u, chosen],
        [/Retype new password: /u, chosen],
      ]);
      assert.match(screen, /password updated successfully/u);
      const again = await typeInto(at(second.argv()), [
        [/password: /u, chosen],
        [/\$ /u, 'exit 5'],
      ]);
      assert.equal(again.exitCode, 5, again.screen);
      assert.match((await refused).screen, /Permission denied/u);
    });
  });

  test('"myserver ssh ID" logs in with the true host key, asks nothing and gives the exit code of the command', async () => {
    const agent = ['ssh-agent', 'sh', '-c', 'ssh-add -q "$0" && exec "$@"', openSsh.path];
    const env = { ...process.env, HOME: jbond.home, MYSERVER_URL: localUrl, MYSERVER_USER: 'jbond007', NO_COLOR: '1' };
    const main = join(import.meta.dirname, '..', 'src', 'cli', 'main.ts');
    const ran = await installation.run('host', [...agent, process.execPath, main, 'ssh', '0', 'hostname; exit 6'], { env });
    assert.deepEqual([ran.exitCode, ran.stdout, ran.stderr], [6, 'server-0\n', '']);
  });

  test('a session in several servers at once is each in its own', async () => {
    const both = [0, 1].map((id) => shellOf(installation, id, 'jbond007', { key: openSsh, knownHosts }));
    const names = await Promise.all([...both, ...both].map(async (one) => (await one.run(['hostname'])).stdout));
    assert.deepEqual(names, ['server-0\n', 'server-1\n', 'server-0\n', 'server-1\n']);
  });

  suite('drop and create', () => {
    const lineOf = async (path: string, id: number) =>
      (await readFile(path, 'utf8')).split('\n').filter((line) => line.includes(`:${12_000 + id} `));

    test('by the same person keep the host key: the same known_hosts gives no warning', async () => {
      await jbond.ok('drop', '0', '-y');
      await jbond.ok('create', '0');
      assert.equal(await shell.ok('hostname; ls'), 'server-0\n');
    });

    test('with another owner between bring another key: who knows the old one is warned, and it is published as revoked', async () => {
      const before = await lineOf(knownHosts, 0);
      await jbond.ok('drop', '0', '-y');
      await mm.ok('key', 'add', openSsh.publicPath);
      await mm.ok('create', '0');
      const stale = shellOf(installation, 0, 'mm', { key: openSsh, knownHosts });
      const warned = await stale.run(['hostname']);
      assert.deepEqual([warned.exitCode, warned.stdout], [255, '']);
      assert.match(warned.stderr, /REMOTE HOST IDENTIFICATION HAS CHANGED/u);
      const fresh = await publishedHostKeys(installation, 'known_hosts.fresh');
      assert.equal(await shellOf(installation, 0, 'mm', { key: openSsh, knownHosts: fresh }).ok('hostname'), 'server-0\n');
      assert.notDeepEqual(await lineOf(fresh, 0), before);
      const oldKey = before[0]?.split(' ').slice(1).join(' ');
      assert.ok((await readFile(fresh, 'utf8')).includes(`@revoked * ${oldKey}\n`));
    });

    test('the former owner has no way into the successor', async () => {
      const fresh = await publishedHostKeys(installation, 'known_hosts.former');
      const ran = await shellOf(installation, 0, 'jbond007', { key: openSsh, knownHosts: fresh }).run(['id']);
      assert.deepEqual([ran.exitCode, ran.stdout], [255, '']);
      assert.match(ran.stderr, /Permission denied/u);
    });
  });
});
