/** Files and repositories through the bastion straight to a server, with the tools that people have around OpenSSH: scp, sftp, rsync, git, sshfs. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { type Ran, type RunOptions, runProcess } from '../src/testing/run-process.ts';
import { lacksImages } from '../src/testing/test-installation.ts';
import { type BastionRoom, makeBastionRoom, type Visitor } from './bastion-room.ts';
import { inside } from './inside.ts';

const rootPassword = 'seven of nine';
const noFuse = existsSync('/dev/fuse') ? false : 'this machine has no /dev/fuse';
const bigBytes = 200_000_000;
/** Buffers that the collector has not yet taken: about 100 MB, whether 100 MB or 400 MB pass. A file held in memory would be all of its size. */
const mostGrowth = 150_000_000;

suite('bastion x files', { skip: lacksImages }, () => {
  let room: BastionRoom;
  let jbond: Visitor;
  let file: string;
  let sum: string;
  const at = (path: string) => join(room.installation.engine.dir, path);
  const sumOf = async (path: string) => (await runProcess(['sha256sum', path])).stdout.split(' ')[0] ?? '';
  const sumInside = async (path: string) => (await inside(room.installation, 0, `sha256sum "${path}"`)).split(' ')[0];
  const client = (argv: readonly string[], options: RunOptions = {}): Promise<Ran> =>
    room.installation.run('client', argv, { env: { ...process.env, SSH_AUTH_SOCK: '', ...options.env }, ...options });
  const good = async (argv: readonly string[], options: RunOptions = {}) => {
    const ran = await client(argv, options);
    assert.equal(ran.exitCode, 0, `${argv.join(' ')}\n${ran.stderr}${ran.stdout}${await room.gateway.log()}`);
    return ran.stdout;
  };
  const transport = () => ['ssh', ...jbond.trust].join(' ');

  before(async () => {
    room = await makeBastionRoom();
    jbond = await room.person('jbond007');
    await jbond.ok('create');
    // As it is made, sshd lets root in with a key alone, and takes no variable of git's, without which git speaks its first protocol.
    const sshd = String.raw`printf 'PermitRootLogin yes\nAcceptEnv GIT_PROTOCOL\n' > /etc/ssh/sshd_config.d/00-test.conf && systemctl restart ssh`;
    await inside(room.installation, 0, `echo 'root:${rootPassword}' | chpasswd && ${sshd}`);
    file = at('upload');
    await writeFile(file, randomBytes(300_000));
    sum = await sumOf(file);
  });
  after(async () => await room?.[Symbol.asyncDispose]());

  for (const protocol of ['-s', '-O']) {
    test(`scp ${protocol === '-O' ? 'over the old protocol' : 'over SFTP'} copies a file and a directory both ways`, async () => {
      const scp = async (...words: readonly string[]) => await good(['scp', protocol, '-q', ...jbond.trust, ...words]);
      await scp('-p', file, `0@${room.host}:scp${protocol}`);
      await scp(`0@${room.host}:scp${protocol}`, `${file}${protocol}`);
      assert.equal(await sumOf(`${file}${protocol}`), sum);
      const tree = at(`tree${protocol}`);
      await mkdir(join(tree, 'deep'), { recursive: true });
      await writeFile(join(tree, 'deep', 'ünusual name'), 'text\n', { mode: 0o640 });
      await scp('-rp', tree, `0@${room.host}:`);
      await scp('-rp', `0@${room.host}:tree${protocol}`, `${tree}-back`);
      assert.equal(await readFile(join(`${tree}-back`, 'deep', 'ünusual name'), 'utf8'), 'text\n');
      assert.equal(await inside(room.installation, 0, `stat -c %a "/home/jbond007/tree${protocol}/deep/ünusual name"`), '640\n');
    });
  }

  test('scp of what is not there fails with the words of the server', async () => {
    const ran = await client(['scp', ...jbond.trust, `0@${room.host}:nothing`, at('nothing')]);
    assert.equal(ran.exitCode, 1);
    assert.match(ran.stderr, /nothing.*No such file/u);
  });

  test('sftp runs a batch: puts, goes on with half a file, links, renames, gets', async () => {
    await writeFile(at('half'), (await readFile(file)).subarray(0, 100_000));
    const lines = [
      'mkdir by-sftp',
      `put ${at('half')} by-sftp/one`,
      `reput ${file} by-sftp/one`,
      'symlink one by-sftp/link',
      'rename by-sftp/one by-sftp/two',
    ];
    const more = ['rm by-sftp/link', 'ls -1 by-sftp', `get by-sftp/two ${file}.sftp`, 'df'];
    const said = await good(['sftp', '-b', '-', ...jbond.trust, `0@${room.host}`], { input: [...lines, ...more, ''].join('\n') });
    assert.match(said, /^by-sftp\/two$/mu);
    assert.equal(await sumOf(`${file}.sftp`), sum);
  });

  test('rsync synchronises a directory, and sends nothing the second time', async () => {
    const tree = at('synchronised');
    await mkdir(join(tree, 'deep'), { recursive: true });
    await Promise.all(
      Array.from({ length: 40 }, async (_, number) => await writeFile(join(tree, 'deep', `${number}`), randomBytes(10_000))),
    );
    const rsync = async () =>
      await good(['rsync', '-a', '--delete', '--stats', '-e', transport(), `${tree}/`, `0@${room.host}:synchronised/`]);
    assert.match(await rsync(), /^Number of regular files transferred: 40$/mu);
    assert.match(await rsync(), /^Number of regular files transferred: 0$/mu);
    await writeFile(join(tree, 'deep', '7'), 'changed\n');
    assert.match(await rsync(), /^Number of regular files transferred: 1$/mu);
    await good(['rsync', '-a', '-e', transport(), `0@${room.host}:synchronised/`, `${tree}-back/`]);
    assert.equal((await runProcess(['diff', '-r', tree, `${tree}-back`])).exitCode, 0);
  });

  test('git clones, pushes and pulls, in the protocol that its variable asks for', async () => {
    // The image has no git. This machine's own fits: it is of the same system, which git's package depends on for nothing that the image lacks.
    await good(['scp', '-q', ...jbond.trust, '/usr/bin/git', `0@${room.host}:git`]);
    const names = 'ln -sf git /usr/local/bin/git-upload-pack; ln -sf git /usr/local/bin/git-receive-pack';
    await inside(room.installation, 0, `install -m755 /home/jbond007/git /usr/local/bin/git; ${names}`);
    const env = { GIT_SSH_COMMAND: transport(), GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', GIT_TRACE_PACKET: '' };
    const identity = ['-c', 'user.name=jbond', '-c', 'user.email=jbond@example.org', '-c', 'init.defaultBranch=main'];
    const git = async (where: string, ...words: readonly string[]) =>
      await good(['git', '-C', at(where), ...identity, ...words], { env: { ...process.env, ...env } });
    await jbond.sshOk('0', ['git -c init.defaultBranch=main init -q --bare repo.git']);
    await git('.', 'clone', '-q', `0@${room.host}:repo.git`, 'one');
    await writeFile(at('one/big'), randomBytes(2_000_000));
    await git('one', 'add', '.');
    await git('one', 'commit', '-q', '-m', 'first');
    await git('one', 'push', '-q', 'origin', 'HEAD:main');
    await git('.', 'clone', '-q', `ssh://0@${room.host}/~/repo.git`, 'two');
    assert.equal(await sumOf(at('two/big')), await sumOf(at('one/big')));
    await writeFile(at('two/small'), 'text\n');
    await git('two', 'add', '.');
    await git('two', 'commit', '-q', '-m', 'second');
    await git('two', 'push', '-q');
    await git('one', 'pull', '-q', 'origin', 'main');
    assert.equal(await readFile(at('one/small'), 'utf8'), 'text\n');
    const traced = await client(['git', 'ls-remote', `0@${room.host}:repo.git`], {
      env: { ...process.env, ...env, GIT_TRACE_PACKET: '1' },
    });
    assert.match(traced.stderr, /ls-remote< version 2/u);
  });

  test('sshfs mounts the home directory of a server', { skip: noFuse }, async () => {
    const script = `set -e
      mkdir "$1"; sshfs -F none "\${@:4}" "0@$2:" "$1"; trap 'cd /; fusermount -u "$1" || umount -l "$1"' EXIT
      cp "$3" "$1/by-sshfs"; sync "$1/by-sshfs"; mv "$1/by-sshfs" "$1/moved"; sha256sum < "$1/moved"; ls "$1" | grep -c moved; stat -f -c %T "$1"`;
    // In mounts of its own, so that nothing of it can outlive the test.
    const apart = ['unshare', '--mount', '--propagation', 'private', 'timeout', '20', 'bash', '-c', script, 'sshfs'];
    const options = [`IdentityFile=${jbond.key.path}`, ...jbond.trust.filter((word) => word.includes('='))].flatMap((word) => ['-o', word]);
    const said = await good([...apart, at('mounted'), room.host, file, ...options]);
    assert.equal(said, `${sum}  -\n1\nfuseblk\n`);
    assert.equal(await sumInside('/home/jbond007/moved'), sum);
  });

  suite('with a password that a program types', () => {
    const copyAs = async (user: string, password: string, ...options: readonly string[]) => {
      const askpass = at('askpass');
      await writeFile(askpass, '#!/bin/sh\nprintf "%s\\n" "$THE_PASSWORD"\n', { mode: 0o700 });
      const env = { ...process.env, SSH_AUTH_SOCK: '', SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force', THE_PASSWORD: password };
      // The first of two values holds.
      const once = ['NumberOfPasswordPrompts=1', 'PreferredAuthentications=publickey,keyboard-interactive'].flatMap((word) => ['-o', word]);
      const asking = ['-o', 'BatchMode=no', ...once, ...options, ...jbond.trust];
      return await client(['scp', '-q', ...asking, file, `${user}@${room.host}:typed`], { env });
    };

    test('jbond007+0 copies with the password of the account, and not with another', async () => {
      const ran = await copyAs('jbond007+0', jbond.password, '-o', 'PubkeyAuthentication=no');
      assert.equal(ran.exitCode, 0, ran.stderr);
      assert.equal(await sumInside('/home/jbond007/typed'), sum);
      const wrong = await copyAs('jbond007+0', rootPassword, '-o', 'PubkeyAuthentication=no');
      assert.equal(wrong.exitCode, 255);
    });

    test('root@0 copies with the key of the account and the password of root, and not with another', async () => {
      const ran = await copyAs('root@0', rootPassword);
      assert.equal(ran.exitCode, 0, ran.stderr);
      assert.equal(await sumInside('/root/typed'), sum);
      assert.equal((await copyAs('root@0', jbond.password)).exitCode, 255);
    });
  });

  test('200 MB both ways are the same, and the gateway does not hold them in memory', async () => {
    const big = at('big');
    await writeFile(big, randomBytes(bigBytes));
    const worker = (await readFile(`/proc/${room.gateway.pid()}/task/${room.gateway.pid()}/children`, 'utf8')).trim();
    assert.match(worker, /^\d+$/u);
    const memory = async (field: string) =>
      1024 * Number(new RegExp(`^${field}:\\s*(\\d+) kB$`, 'mu').exec(await readFile(`/proc/${worker}/status`, 'utf8'))?.[1]);
    // The highest from here on (proc(5)).
    await writeFile(`/proc/${worker}/clear_refs`, '5');
    const before = await memory('VmRSS');
    await good(['scp', '-q', ...jbond.trust, big, `0@${room.host}:big`]);
    await good(['scp', '-q', ...jbond.trust, `0@${room.host}:big`, `${big}.back`]);
    const growth = (await memory('VmHWM')) - before;
    assert.equal(await sumOf(`${big}.back`), await sumOf(big));
    assert.ok(growth < mostGrowth, `grew by ${growth} bytes`);
  });
});
