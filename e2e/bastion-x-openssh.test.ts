/** Sessions through the bastion with OpenSSH on a machine outside: every way of signing in, and what a session carries, against real servers. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { lacksImages, testBases } from '../src/testing/test-installation.ts';
import { type BastionRoom, makeBastionRoom, until, type Visitor } from './bastion-room.ts';
import { inside } from './inside.ts';
import { makeKeyPair } from './secure-shell.ts';
import { typeInto } from './typist.ts';

suite('bastion x OpenSSH', { skip: lacksImages }, () => {
  let room: BastionRoom;
  let jbond: Visitor;
  let mm: Visitor;

  before(async () => {
    room = await makeBastionRoom();
    [jbond, mm] = [await room.person('jbond007'), await room.person('mm')];
    await jbond.ok('create', '--count', '2');
    await jbond.ok('set', '1', '--name', 'gold');
    await mm.ok('create');
    for (const id of [0, 1])
      await inside(
        room.installation,
        id,
        'echo "root:seven of nine" | chpasswd; echo PermitRootLogin yes > /etc/ssh/sshd_config.d/00-root.conf; systemctl reload ssh',
      );
  });
  after(async () => await room?.[Symbol.asyncDispose]());

  test('a key signs in to the lobby, and a command there is the manager with its exit codes', async () => {
    const ids = (text: string) => (JSON.parse(text) as readonly { id: number }[]).map(({ id }) => id);
    assert.deepEqual(ids(await jbond.sshOk('jbond007', ['myserver', 'list', '-f', 'json'])), [0, 1]);
    assert.deepEqual(ids(await mm.sshOk('mm', ['list', '-f', 'json'])), [2]);
    const wrong = await jbond.ssh('jbond007', ['info', '2']);
    assert.deepEqual([wrong.exitCode, wrong.stdout], [4, '']);
    assert.match(wrong.stderr, /no server 2/u);
  });

  test('without a person named, the key says who it is', async () => {
    assert.match(await mm.sshOk('lobby', ['list', '-f', 'csv']), /^2,mm/mu);
  });

  test('123, name, server-123, you+123 and admin@123 are a session on that server as its first user', async () => {
    for (const [user, id] of [
      ['0', 0],
      ['gold', 1],
      ['server-1', 1],
      ['jbond007+0', 0],
      ['jbond007@0', 0],
      ['jbond007+jbond007@gold', 1],
    ] as const)
      assert.equal(await jbond.sshOk(user, ['id -un; hostname']), `jbond007\nserver-${id}\n`, user);
  });

  test('exit code, error side and standard input of a command are as they are without us', async () => {
    const ran = await jbond.ssh('0', ['cat; echo oops >&2; exit 7'], { input: 'through and through' });
    assert.deepEqual([ran.stdout, ran.stderr, ran.exitCode], ['through and through', 'oops\n', 7]);
  });

  test('a program that a signal ends is told as such, and ssh exits 255 as it does without us', async () => {
    assert.equal((await jbond.ssh('0', ['kill -TERM $$'])).exitCode, 255);
  });

  test('twenty megabytes come and go unchanged, and a half-closed session finishes', async () => {
    const bytes = randomBytes(10 * 2 ** 20).toString('base64');
    const sum = createHash('sha256').update(bytes).digest('hex');
    assert.equal((await jbond.sshOk('0', ['sha256sum; sleep 0.3; echo late'], { input: bytes })).replace(/\s+-\n/u, ' '), `${sum} late\n`);
    const back = await jbond.sshOk('0', ['cat'], { input: bytes });
    assert.equal(createHash('sha256').update(back).digest('hex'), sum);
  });

  test('root@123 asks for that user’s own password, and the right one opens it', async () => {
    const argv = [...room.installation.engine.enterClient, ...jbond.argv('root@0', ['id -un'], ['-o', 'BatchMode=no'])];
    const right = await typeInto(argv, [[/root@server-0.*assword:/iu, 'seven of nine']]);
    assert.deepEqual([right.exitCode, /^root\r?$/mu.test(right.screen)], [0, true], right.screen);
    const once = ['-o', 'BatchMode=no', '-o', 'PreferredAuthentications=publickey,keyboard-interactive', '-o', 'NumberOfPasswordPrompts=1'];
    const patient = [...room.installation.engine.enterClient, ...jbond.argv('root@0', ['id -un'], once)];
    const wrong = await typeInto(patient, [[/assword:/iu, 'one of nine']]);
    assert.equal(wrong.exitCode, 255);
    assert.match(wrong.screen, /Permission denied/u);
  });

  test('the classic command: ssh -t you@gw ssh otheruser@myserver -pPORT, and myserver ssh ID', async () => {
    const port = String(testBases.ssh);
    const classic = jbond.argv('jbond007', ['ssh', 'root@myserver', `-p${port}`], ['-t']);
    const typed = await typeInto(
      [...room.installation.engine.enterClient, ...classic],
      [
        [/root@server-0.*assword:/iu, 'seven of nine'],
        [/root@server-0:~#/u, 'echo I am $(id -un); exit 3'],
      ],
    );
    assert.match(typed.screen, /I am root/u);
    assert.equal(typed.exitCode, 3);
    const own = jbond.argv('jbond007', ['myserver', 'ssh', '1'], ['-t']);
    const second = await typeInto([...room.installation.engine.enterClient, ...own], [[/jbond007@server-1:~\$/u, 'hostname; exit']]);
    assert.match(second.screen, /^server-1\r?$/mu);
    assert.equal(await jbond.sshOk('jbond007', ['ssh', 'myserver', '-p', port, 'hostname']), 'server-0\n');
  });

  test('in the lobby: ssh myserver -pPORT is typed, and the way back leads to the lobby', async () => {
    const argv = [...room.installation.engine.enterClient, ...jbond.argv('jbond007', [], ['-t'])];
    const typed = await typeInto(argv, [
      [/myserver|>/u, 'list'],
      [/jbond007\s+jbond007\s+debian12/u, `ssh myserver -p${testBases.ssh}`],
      [/jbond007@server-0:~\$/u, 'stty size; exit'],
      [/^logout\r?$[^]*myserver> /mu, 'whoami'],
      [/jbond007/u, 'exit'],
    ]);
    assert.equal(typed.exitCode, 0, typed.screen);
  });

  test('ssh-keygen -R is answered in one line, and there was nothing to remove', async () => {
    const ran = await jbond.ssh('jbond007', ['ssh-keygen', '-R', '[myserver]:2999']);
    assert.deepEqual([ran.exitCode, ran.stdout.trim().split('\n').length], [0, 1]);
  });

  test('a terminal has the person’s size and type, and follows it', async () => {
    const argv = [
      ...room.installation.engine.enterClient,
      'sh',
      '-c',
      'stty rows 33 cols 101; exec "$@"',
      'sh',
      ...jbond.argv('0', ['stty size; echo $TERM; tput colors'], ['-t']),
    ];
    const { screen } = await typeInto(argv, []);
    assert.match(screen, /33 101\r\n/u);
    assert.match(screen, /^xterm\r$/mu);
  });

  test('variables of the language pass, and none that changes what a program does', async () => {
    const options = ['-o', 'SendEnv=LC_TIME LD_PRELOAD_X PATH', '-o', 'SetEnv=LC_NAME=here'];
    const env = { ...process.env, LC_TIME: 'de_DE.UTF-8', LD_PRELOAD_X: 'evil', SSH_AUTH_SOCK: '' };
    assert.equal(await jbond.sshOk('0', ['echo "$LC_TIME $LC_NAME $LD_PRELOAD_X"'], { options, env }), 'de_DE.UTF-8 here \n');
  });

  test('the person’s agent is there with -A, and not without', async () => {
    const agent = await room.installation.run('client', [
      'sh',
      '-c',
      `eval "$(ssh-agent)" >/dev/null; ssh-add -q ${jbond.key.path}; echo "$SSH_AUTH_SOCK $SSH_AGENT_PID"`,
    ]);
    const [socket = '', pid = ''] = agent.stdout.trim().split(' ');
    try {
      const env = { ...process.env, SSH_AUTH_SOCK: socket };
      assert.match(await jbond.sshOk('0', ['ssh-add -l'], { options: ['-A'], env }), /key-jbond007 \(ED25519\)/u);
      assert.notEqual((await jbond.ssh('0', ['ssh-add -l'], { env })).exitCode, 0);
    } finally {
      process.kill(Number(pid));
    }
  });

  test('fifteen sessions at once over one connection (ControlMaster), more than one sshd takes', async () => {
    const socket = join(jbond.home, 'mux');
    const options = ['-o', `ControlPath=${socket}`];
    await using master = jbond.background('0', [...options, '-M', '-N']);
    await until('the master', async () => (await jbond.ssh('0', [], { options: [...options, '-O', 'check'] })).exitCode === 0);
    const all = await Promise.all(
      Array.from({ length: 15 }, async (_none, each) => await jbond.ssh('0', [`sleep 0.5; echo ${each}`], { options })),
    );
    assert.deepEqual(
      all.map(({ stdout }) => stdout.trim()),
      all.map((_ran, each) => String(each)),
      all.map(({ stderr }) => stderr).join(''),
    );
    assert.equal(master.child.exitCode, null);
  });

  test('a password signs in where there is no key; a wrong one, an unknown name and a strange key are answered alike', async () => {
    const right = await mm.byPassword('mm', mm.password, ['list', '-f', 'csv']);
    assert.deepEqual([right.exitCode, /^2,mm/mu.test(right.stdout)], [0, true], right.stderr);
    assert.equal((await mm.byPassword('mm+2', mm.password, ['hostname'])).stdout, 'server-2\n');
    const [wrong, unknown] = [await mm.byPassword('mm', 'not it', ['list']), await mm.byPassword('nobody-here', 'not it', ['list'])];
    assert.equal(wrong.exitCode, 255);
    assert.deepEqual(unknown, { ...wrong, stderr: wrong.stderr.replaceAll('mm@', 'nobody-here@') });
    const stranger = await makeKeyPair(room.installation, 'stranger');
    const strange = ['-i', stranger.path];
    const [known, none] = [await mm.ssh('mm', ['list'], { options: strange }), await mm.ssh('nobody-here', ['list'], { options: strange })];
    // mm's own key goes first and is mm's: only for the unknown name is there nothing at all.
    assert.equal(none.exitCode, 255);
    assert.equal(known.exitCode, 0);
  });

  test('a one-time password opens nothing but its own change, and says so', async () => {
    const added = JSON.parse(await room.installation.ok('user', 'add', 'newcomer', '-f', 'json')) as { readonly password: string };
    const ran = await mm.byPassword('newcomer', added.password, ['list']);
    assert.match(ran.stderr, /one-time password/u);
    assert.equal(ran.exitCode, 3);
  });

  test('a name that cannot be understood gets a sentence that shows the grammar', async () => {
    const ran = await jbond.ssh('Not A Name!', ['list']);
    assert.equal(ran.exitCode, 255);
    assert.match(ran.stderr, /is not understood as a user name here.*123/su);
  });

  test('another’s server, a stopped one and a free ID each get their sentence and exit 255', async () => {
    for (const [user, sentence] of [
      ['2', /no server 2 that you could use/u],
      ['150', /no server 150/u],
      ['nosuchname', /no server named "nosuchname" that you could use/u],
    ] as const) {
      const ran = await jbond.ssh(user, ['true']);
      assert.equal(ran.exitCode, 255, user);
      assert.match(ran.stderr, sentence, user);
    }
    await jbond.ok('stop', '1');
    const ran = await jbond.ssh('1', ['true']);
    assert.match(ran.stderr, /server 1 is stopped; start it with "start 1"/u);
    await jbond.sshOk('jbond007', ['start', '1']);
    assert.equal(await jbond.sshOk('1', ['hostname']), 'server-1\n');
  });

  test('a server whose host key was changed inside is not entered', async () => {
    await inside(
      room.installation,
      1,
      'cp -a /etc/ssh /root/ssh.kept; rm /etc/ssh/ssh_host_ed25519_key*; ssh-keygen -qN "" -t ed25519 -f /etc/ssh/ssh_host_ed25519_key; systemctl restart ssh',
    );
    const ran = await jbond.ssh('1', ['true']);
    await inside(room.installation, 1, 'rm -r /etc/ssh; mv /root/ssh.kept /etc/ssh; systemctl restart ssh');
    assert.equal(ran.exitCode, 255);
    assert.match(ran.stderr, /does not have its host key/u);
    assert.equal(await jbond.sshOk('1', ['hostname']), 'server-1\n');
  });
});
