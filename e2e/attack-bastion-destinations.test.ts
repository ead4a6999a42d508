/** Where the bastion leads and where not, with OpenSSH: -W, -L and -D reach one's own servers, what is shared and what is listed, and nothing else. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { after, before, suite, test } from 'node:test';
import { lacksImages, testBases } from '../src/testing/test-installation.ts';
import { type BastionRoom, makeBastionRoom, until, untilListening, type Visitor } from './bastion-room.ts';
import { httpProgram, inside, runInside } from './inside.ts';

/** A department's page behind the machine outside, which the configuration lists for one group. */
const listed = { address: '198.51.100.7', port: 8088, group: 'intranet', names: ['intranet.example'] };

interface AuditRow {
  readonly deed: string;
  readonly allowed: boolean;
}

suite('destinations of the bastion x OpenSSH', { skip: lacksImages }, () => {
  let room: BastionRoom;
  let ada: Visitor;
  let eve: Visitor;
  let page: ChildProcess;

  before(async () => {
    room = await makeBastionRoom({ config: { bastion: { port: 22, destinations: [listed] } } });
    [ada, eve] = [await room.person('ada'), await room.person('eve')];
    await ada.ok('create', '--count', '2');
    await eve.ok('create', '--count', '2');
    await eve.ok('set', '2', '--name', 'silver');
    await ada.ok('set', '0', '--name', 'gold');
    await eve.ok('share', 'add', '3', 'ada', 'write');
    await room.installation.ok('group', 'add', 'intranet');
    await room.installation.ok('group', 'member', 'add', 'intranet', 'eve');
    for (const id of [0, 2, 3]) await runInside(room.installation, id, 8000, ['perl', '-e', httpProgram, '8000']);
    const server = `require('node:net').createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (data) => (String(data) === 'stay' ? socket.write('here') : socket.end('the page\\n')));
    }).listen(8088, '198.51.100.7')`;
    const [program, ...words] = [...room.installation.engine.enterClient, process.execPath, '-e', server];
    page = spawn(program, words, { stdio: 'ignore' });
    await untilListening(room.installation, listed.port);
  });
  after(async () => {
    page?.kill('SIGKILL');
    await room?.[Symbol.asyncDispose]();
  });

  const forward = async (visitor: Visitor, destination: string, user = visitor.name, input = 'GET /peer HTTP/1.0\r\n\r\n') =>
    await visitor.ssh(user, [], { options: ['-W', destination], input });

  /** The number of lines about refusals of this person. */
  async function refusals({ name }: Visitor): Promise<number> {
    const rows = JSON.parse(await room.installation.ok('audit', '--person', name, '--limit', '1000', '-f', 'json')) as readonly AuditRow[];
    return rows.filter(({ deed, allowed }) => !allowed && ['ssh-forward', 'enter'].includes(deed)).length;
  }

  async function assertRefused(visitor: Visitor, destinations: readonly string[], user?: string): Promise<void> {
    const before = await refusals(visitor);
    for (const destination of destinations) {
      const ran = await forward(visitor, destination, user);
      assert.equal(ran.stdout, '', destination);
      assert.match(ran.stderr, /administratively prohibited: .*(?:none of your servers|no server|only the right|no ID)/u, destination);
    }
    assert.equal(await refusals(visitor), before + destinations.length, destinations.join(' '));
  }

  test(
    'the gateway’s own loopback, the host’s addresses, metadata, others’ addresses and every odd form are refused in a sentence and noted',
    { timeout: 240_000 },
    async () => {
      const { engine } = room.installation;
      await assertRefused(ada, [
        '127.0.0.1:9440',
        '127.1:22',
        'localhost:22',
        '[::1]:22',
        '[::ffff:127.0.0.1]:22',
        '[::ffff:10.77.1.0]:8000',
        '2130706433:22',
        '0x7f000001:22',
        '0177.0.0.1:22',
        '0x0a.0x4d.1.0:8000',
        `${engine.hostAddress}:9440`,
        `${engine.hostAddress}:53`,
        `${engine.publicAddress}:9440`,
        `${engine.publicAddress}:22`,
        'myserver:9440',
        '10.77.0.0:22',
        '10.77.255.255:22',
        '169.254.169.254:80',
        `${engine.farAddress}:80`,
        `${engine.clientAddress}:22`,
        '[fe80::1]:22',
        '8.8.8.8:53',
        // These are names that this machine knows, in /etc/hosts if nowhere else.
        'ip6-localhost:22',
        'localhost.:22',
        `${hostname()}.:22`,
        `${hostname()}.localdomain:22`,
      ]);
    },
  );

  test(
    'another’s server by ID, name, own name, address and public port, a free ID and one that the plan does not have are refused alike',
    { timeout: 120_000 },
    async () => {
      const { engine } = room.installation;
      await assertRefused(ada, [
        '2:8000',
        'server-2:8000',
        'silver:8000',
        '10.77.1.2:8000',
        `myserver:${testBases.usr + 2}`,
        `${engine.publicAddress}:${testBases.ssh + 2}`,
        '150:22',
        '10.77.1.150:22',
        'nosuchname:22',
        '500:22',
        '10.77.9.9:22',
      ]);
      // In a session on one's own server, what is not its own loopback is decided as everywhere.
      await assertRefused(ada, ['2:8000', '127.1:22'], '0');
    },
  );

  test('one’s own server is reached by every form, and one that was shared', { timeout: 120_000 }, async () => {
    for (const destination of [
      '0:8000',
      'server-0:8000',
      'gold:8000',
      'GOLD:8000',
      '10.77.1.0:8000',
      `myserver:${testBases.usr}`,
      `${room.host}:${testBases.usr}`,
      '3:8000',
      '10.77.1.3:8000',
    ])
      assert.match((await forward(ada, destination)).stdout, /200 OK/u, destination);
    assert.match((await forward(ada, 'localhost:8000', '0')).stdout, /200 OK[^]*127\.0\.0\.1/u);
  });

  test('a listed destination is reached by its group, by address and name, and by nobody else and at no other port', async () => {
    for (const host of [listed.address, 'intranet.example', 'INTRANET.example.']) {
      assert.equal((await forward(eve, `${host}:8088`)).stdout, 'the page\n', host);
      await assertRefused(ada, [`${host}:8088`]);
      await assertRefused(eve, [`${host}:8089`]);
    }
    await room.installation.ok('group', 'member', 'remove', 'intranet', 'eve');
    await assertRefused(eve, [`${listed.address}:8088`]);
    await room.installation.ok('group', 'member', 'add', 'intranet', 'eve');
  });

  test('a live forward to a listed destination is cut when the person leaves its group, and when it is listed no more', async () => {
    const { installation } = room;
    /** One that has been answered and would stay for good. */
    async function staying() {
      const ssh = eve.background('eve', ['-W', `${listed.address}:8088`]);
      ssh.child.stdin?.write('stay');
      await until('an answer', () => ssh.output() === 'here');
      return ssh;
    }
    const ended = async ({ child }: Awaited<ReturnType<typeof staying>>) =>
      await until('the forward to end', () => child.exitCode !== null, 20_000);
    await using first = await staying();
    await installation.ok('group', 'member', 'remove', 'intranet', 'eve');
    await ended(first);
    await installation.ok('group', 'member', 'add', 'intranet', 'eve');
    await using second = await staying();
    const written = await readFile(installation.configPath, 'utf8');
    const config = JSON.parse(written) as { readonly bastion: object };
    const restart = async (text: string) => {
      await installation.endControl('SIGTERM');
      await writeFile(installation.configPath, text);
      await installation.startControl();
    };
    try {
      await restart(JSON.stringify({ ...config, bastion: { ...config.bastion, destinations: [] } }));
      await ended(second);
    } finally {
      await restart(written);
    }
  });

  test(
    '-L and -D: what is refused is closed without a byte, what is allowed works over the same connection',
    { timeout: 60_000 },
    async () => {
      const forwards = ['-L', '7001:0:8000', '-L', '7002:2:8000', '-L', '7003:127.0.0.1:9440', '-D', '7004'];
      await using ssh = ada.background('ada', [...forwards, '-N']);
      for (const port of [7001, 7002, 7003, 7004]) await untilListening(room.installation, port);
      const curl = async (...words: string[]) => await room.installation.run('client', ['curl', '-sS', '-m', '10', ...words]);
      assert.match((await curl('http://127.0.0.1:7001/peer')).stdout, /^10\.77\.0\.1/u);
      for (const port of [7002, 7003]) {
        const ran = await curl(`http://127.0.0.1:${port}/`);
        assert.deepEqual([ran.stdout, ran.exitCode === 0], ['', false], String(port));
      }
      assert.match(ssh.errors(), /administratively prohibited/u);
      const socks = ['--socks5-hostname', '127.0.0.1:7004'];
      assert.match((await curl(...socks, 'http://server-0:8000/peer')).stdout, /^10\.77\.0\.1/u);
      assert.match((await curl(...socks, 'http://10.77.1.0:8000/peer')).stdout, /^10\.77\.0\.1/u);
      for (const url of [
        'http://169.254.169.254/',
        'http://127.0.0.1:9440/',
        'http://[::1]:9440/',
        'http://silver:8000/',
        'http://localhost:9440/',
        `http://${room.host}:9440/`,
      ])
        assert.notEqual((await curl(...socks, url)).exitCode, 0, url);
    },
  );

  test(
    'what has moved between the sign-in and the forward counts: a right taken away, a server stopped, dropped and another’s again',
    { timeout: 120_000 },
    async () => {
      const forwards = ['-L', '7011:3:8000', '-L', '7012:1:22'];
      await using ssh = ada.background('ada', [...forwards, '-N']);
      for (const port of [7011, 7012]) await untilListening(room.installation, port);
      const bytes = async (port: number) =>
        (
          await room.installation.run('client', [
            'timeout',
            '5',
            'bash',
            '-c',
            `exec 3<>/dev/tcp/127.0.0.1/${port}; printf 'GET /peer HTTP/1.0\\r\\n\\r\\n' >&3; head -c 3 <&3`,
          ])
        ).stdout;
      assert.deepEqual([await bytes(7011), await bytes(7012)], ['HTT', 'SSH']);
      await eve.ok('share', 'remove', '3', 'ada');
      assert.equal(await bytes(7011), '');
      assert.match(ssh.errors(), /prohibited: there is no server 3/u);
      await ada.ok('stop', '1');
      assert.equal(await bytes(7012), '');
      assert.match(ssh.errors(), /server 1 is stopped/u);
      await ada.ok('drop', '1', '--yes');
      assert.equal(await bytes(7012), '');
      assert.match(ssh.errors(), /no server 1/u);
      await eve.ok('create');
      await until('eve’s server 1', async () => (await forward(eve, '1:22', 'eve', '')).stdout.startsWith('SSH-'));
      assert.equal(await bytes(7012), '');
      await assertRefused(ada, ['10.77.1.1:22']);
    },
  );

  test('root in a server reaches the bastion on the host, and nothing else that is new', async () => {
    const probe = (host: string, port: number) => `timeout 2 bash -c 'exec 3<>/dev/tcp/${host}/${port}; head -c 3 <&3' 2>/dev/null || true`;
    const { engine } = room.installation;
    assert.equal(await inside(room.installation, 0, probe(engine.hostAddress, 22)), 'SSH');
    for (const [host, port] of [
      [engine.hostAddress, 9440],
      [engine.hostAddress, 3022],
      [engine.publicAddress, 9440],
    ] as const)
      assert.equal(await inside(room.installation, 0, probe(host, port)), '', `${host}:${port}`);
  });
});
