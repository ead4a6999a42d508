/** Forwards through the bastion with OpenSSH on a machine outside: -L, -J, -W, ProxyCommand, -D and -R, as the handbook writes them. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { after, before, suite, test } from 'node:test';
import { lacksImages, testBases } from '../src/testing/test-installation.ts';
import { type BastionRoom, makeBastionRoom, until, untilListening, type Visitor } from './bastion-room.ts';
import { httpProgram, inside, runInside } from './inside.ts';
import { listenOn } from './strange-listener.ts';

suite('bastion forwards x OpenSSH', { skip: lacksImages }, () => {
  let room: BastionRoom;
  let jbond: Visitor;
  let mm: Visitor;
  let trustServers: readonly string[];

  before(async () => {
    room = await makeBastionRoom();
    [jbond, mm] = [await room.person('jbond007'), await room.person('mm')];
    await jbond.ok('create', '--count', '2');
    await mm.ok('create');
    for (const [id, port] of [
      [0, 80],
      [0, 8000],
      [1, 8000],
      [2, 80],
    ] as const)
      await runInside(room.installation, id, port, ['perl', '-e', httpProgram, String(port)]);
    // The servers' own keys, as control publishes them, under every name that a test uses.
    const published = await room.installation.run('host', ['curl', '-sSf', 'http://127.0.0.1:9440/.well-known/myserver/known_hosts']);
    const key = (id: number) =>
      published.stdout
        .split('\n')
        .find((line) => line.includes(`:${testBases.ssh + id} `))
        ?.split(' ')
        .slice(1)
        .join(' ');
    const file = join(jbond.home, 'known_servers');
    await writeFile(file, `0.0.0.0,server-0,[localhost]:9999,[127.0.0.1]:9999 ${key(0)}\n1,gold ${key(1)}\n`);
    trustServers = ['-o', `UserKnownHostsFile=${file}`];
  });
  after(async () => await room?.[Symbol.asyncDispose]());

  async function fromOutside(argv: readonly string[]) {
    return await room.installation.run('client', argv, { env: { ...process.env, SSH_AUTH_SOCK: '' } });
  }

  test('the handbook’s tunnels: -L to a server’s SSH, web and database ports, several at once, then ssh, scp, sftp and curl through them', async () => {
    const forwards = [
      ['-L', `9999:myserver:${testBases.ssh}`],
      ['-L', `8888:myserver:${testBases.www}`],
      ['-L', `8889:myserver:${testBases.usr}`],
      ['-L', '8890:1:8000'],
    ].flat();
    await using _ = jbond.background('jbond007', ['-N', ...forwards]);
    await untilListening(room.installation, 8890);
    const login = [...trustServers, '-F', 'none', '-i', jbond.key.path, '-o', 'IdentitiesOnly=yes', '-o', 'BatchMode=yes'];
    const ran = await fromOutside(['ssh', ...login, '-p', '9999', 'jbond007@localhost', 'hostname']);
    assert.equal(ran.stdout, 'server-0\n', ran.stderr);
    const file = join(jbond.home, 'letter');
    await writeFile(file, 'a letter');
    for (const more of [[], ['-O']]) {
      const copied = await fromOutside(['scp', ...login, ...more, '-P', '9999', file, 'jbond007@localhost:letter']);
      assert.equal(copied.exitCode, 0, copied.stderr);
    }
    const listed = await room.installation.run('client', ['sftp', ...login, '-P', '9999', '-b', '-', 'jbond007@localhost'], {
      input: 'ls letter\n',
    });
    assert.match(listed.stdout, /^letter\s*$/mu, listed.stderr);
    for (const port of [8888, 8889, 8890])
      assert.match((await fromOutside(['curl', '-sS', `http://localhost:${port}/peer`])).stdout, /^\d/u, String(port));
  });

  test('-J, -W and ProxyCommand lead to a server by ID, name and private address, with its own key and user', async () => {
    await jbond.ok('set', '1', '--name', 'gold');
    const own = ['-F', 'none', '-i', jbond.key.path, '-o', 'IdentitiesOnly=yes', '-o', 'BatchMode=yes'];
    const jump = `ssh ${jbond.argv('jbond007', [], ['-W', '%h:%p']).slice(1).join(' ')}`;
    for (const host of ['0', 'server-0', 'gold']) {
      const ran = await fromOutside(['ssh', ...trustServers, ...own, '-o', `ProxyCommand=${jump}`, `jbond007@${host}`, 'hostname']);
      assert.match(ran.stdout, /^server-[01]\n$/u, `${host}: ${ran.stderr}`);
    }
    const config = join(jbond.home, 'jump.conf');
    await writeFile(
      config,
      `Host gw\n  HostName ${room.host}\n  User jbond007\n  UserKnownHostsFile ${join(room.installation.engine.dir, 'known_bastion')}\nHost *\n  IdentityFile ${jbond.key.path}\n  IdentitiesOnly yes\n  BatchMode yes\n`,
    );
    const jumped = await fromOutside(['ssh', '-F', config, '-J', 'gw', ...trustServers, 'jbond007@0', 'hostname']);
    assert.equal(jumped.stdout, 'server-0\n', jumped.stderr);
  });

  test('-D is a SOCKS proxy to one’s own servers, and to nothing else', async () => {
    await using _ = jbond.background('jbond007', ['-N', '-D', '10080']);
    await untilListening(room.installation, 10_080);
    const through = async (url: string) =>
      await fromOutside(['curl', '-sS', '--max-time', '5', '--socks5-hostname', 'localhost:10080', url]);
    assert.match((await through('http://0/peer')).stdout, /^\d/u);
    assert.match((await through(`http://myserver:${testBases.www}/peer`)).stdout, /^\d/u);
    for (const url of [
      'http://2/peer',
      `http://myserver:${testBases.www + 2}/peer`,
      'http://localhost:9440/api/v1/health',
      `http://${room.installation.engine.hostAddress}:9440/`,
    ])
      assert.notEqual((await through(url)).exitCode, 0, url);
  });

  test('a refused forward says why, and is in the audit', async () => {
    const ran = await jbond.ssh('jbond007', [], { options: ['-W', '127.0.0.1:9440'] });
    assert.notEqual(ran.exitCode, 0);
    assert.match(ran.stderr, /administratively prohibited: 127\.0\.0\.1:9440 is none of your servers/u);
    const lines = await jbond.json<readonly { deed: string; allowed: boolean; detail: string }[]>('audit');
    assert.ok(
      lines.some(({ deed, allowed, detail }) => deed === 'ssh-forward' && !allowed && detail.includes('127.0.0.1:9440')),
      JSON.stringify(lines.slice(0, 5)),
    );
  });

  test('a stopped server’s forward says that it is stopped and how to start it', async () => {
    await jbond.ok('stop', '1');
    const ran = await jbond.ssh('jbond007', [], { options: ['-W', '1:22'] });
    await jbond.ok('start', '1');
    await runInside(room.installation, 1, 8000, ['perl', '-e', httpProgram, '8000']);
    assert.match(ran.stderr, /server 1 is stopped; start it with "start 1"/u);
  });

  test('-R: what listens on the person’s machine is reached from the server, and localhost of a session is the server’s own', async () => {
    await using _ = await listenOn(room.installation, 'client', 7070, '127.0.0.1');
    await using remote = jbond.background('0', ['-N', '-R', '8070:localhost:7070', '-L', '8071:localhost:80']);
    await until('the remote listener', async () => (await inside(room.installation, 0, 'ss -Htln "sport = :8070"')) !== '');
    assert.equal(
      await inside(room.installation, 0, 'timeout 5 bash -c "exec 3<>/dev/tcp/127.0.0.1/8070; cat <&3"'),
      'a stranger\n',
      remote.errors(),
    );
    assert.match((await fromOutside(['curl', '-sS', 'http://localhost:8071/peer'])).stdout, /^127\.0\.0\.1/u);
  });

  test('between two servers: one’s port appears on the other', async () => {
    await using one = jbond.background('0', ['-N', '-R', '9100:localhost:9101', '-L', '9101:1:8000']);
    await until('the remote listener', async () => (await inside(room.installation, 0, 'ss -Htln "sport = :9100"')) !== '');
    const asked = `exec 3<>/dev/tcp/127.0.0.1/9100; printf 'GET /peer HTTP/1.0\\r\\n\\r\\n' >&3; timeout 5 head -c 15 <&3`;
    assert.equal(await inside(room.installation, 0, `bash -c "${asked.replaceAll('"', '\\"')}"`), 'HTTP/1.1 200 OK', one.errors());
  });

  test('in the lobby nothing listens for -R, and the client is told', async () => {
    const ran = await jbond.ssh('jbond007', ['list'], { options: ['-R', '8090:localhost:1', '-o', 'ExitOnForwardFailure=yes'] });
    assert.equal(ran.exitCode, 255);
    assert.match(ran.stderr, /remote port forwarding failed/u);
  });

  test('compression, keep-alives and X11 asked for where there is no screen do no harm', async () => {
    const options = ['-C', '-o', 'ServerAliveInterval=1', '-X'];
    assert.equal(await jbond.sshOk('0', ['sleep 2.5; hostname'], { options }), 'server-0\n');
  });
});
