import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { golden } from './golden.testing.ts';
import { MemoryControl } from './memory-control.testing.ts';
import { serverOf } from './memory-views.testing.ts';
import { typed, type TypedOptions } from './typed.testing.ts';

const gatewayKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDQk581kYzCppBO0Jlb2gTZ2m5iH2jr4PElYDJlfC7tP';
const bastion = { host: 'gate.example.org', port: 3022, hostKeys: [gatewayKey] };

/** 7 has no port for SSH, 123 is called `web`, 200 is somebody else's and called as another host may be. */
function someServers(change: Partial<Pick<MemoryControl, 'bastion' | 'publicHost'>> = {}): MemoryControl {
  const control = Object.assign(new MemoryControl(), change);
  control.servers.set(123, serverOf(123, { name: 'web' }));
  control.servers.set(7, serverOf(7, { ports: [], admin: 'root2' }));
  control.servers.set(200, serverOf(200, { owner: 'mm', admin: 'mm', name: 'mail', right: 'write' }));
  control.servers.set(201, serverOf(201, { owner: 'mm', admin: 'mm', right: 'read' }));
  return control;
}

async function written(argv: readonly string[], options: TypedOptions): Promise<string> {
  const { exitCode, output, error } = await typed(['ssh-config', ...argv], options);
  assert.equal(exitCode, 0, error);
  return output;
}

/** What OpenSSH makes of it for a destination: option by option, in lower case. */
async function understood(text: string, host: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const dir = await mkdtemp(join(tmpdir(), 'mys-'));
  try {
    await writeFile(join(dir, 'config'), text);
    const lines = execFileSync('ssh', ['-G', '-F', join(dir, 'config'), host], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .trimEnd()
      .split('\n');
    const pairs = lines.map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)] as const);
    return new Map([...Map.groupBy(pairs, ([key]) => key)].map(([key, all]) => [key, all.map(([, value]) => value)]));
  } finally {
    await rm(dir, { recursive: true });
  }
}

const wayOf = (config: ReadonlyMap<string, readonly string[]>) =>
  ['hostname', 'port', 'user', 'hostkeyalias', 'proxyjump'].map((key) => config.get(key)?.join(' ') ?? '-').join(' ');

suite('ssh-config', () => {
  const kinds: Readonly<Record<string, readonly [string[], TypedOptions]>> = {
    'direct.config': [['--local-forward', '123=8888:localhost:8888', '--dynamic-forward', '10080'], { control: someServers() }],
    'bastion.config': [['--via', 'bastion', '--url', 'https://gate.example.org'], { control: someServers({ bastion }) }],
    'auto.config': [['--prefix', 'lab-'], { control: someServers({ bastion }) }],
    'lobby.config': [[], { control: someServers({ bastion }), withoutMachine: true }],
    'putty.reg': [
      ['--putty', '--local-forward', '8888:localhost:8888', '--dynamic-forward', '123=10080'],
      { control: someServers({ bastion }) },
    ],
    'winscp.ini': [['--winscp'], { control: someServers({ bastion }) }],
    'filezilla.xml': [['--filezilla'], { control: someServers({ bastion }) }],
  };
  for (const [name, [argv, options]] of Object.entries(kinds))
    test(`ssh-config ${argv.join(' ')} is as in the golden file ${name}`, async () => {
      await golden(`ssh-config.${name}`, await written(argv, options));
    });

  test('without a bastion each server is at its own port under all its names, and one without a port is left out and told of', async () => {
    const { output, error } = await typed(['ssh-config'], { control: someServers() });
    for (const name of ['server-123', '123', 'web'])
      assert.equal(wayOf(await understood(output, name)), 'host.example.org 2123 jbond007 server-123 -');
    assert.match(error, /^server 7 is left out: it has no public port for SSH/u);
    // A number alone is an address to ssh: one in 0.0.0.0/8, where nobody's host is. So an ID as a name hides nothing.
    assert.match(wayOf(await understood(output, '7')), /^0\.0\.0\.7 22 /u);
  });

  test('a port on an address of its own is reached there', async () => {
    const control = new MemoryControl();
    const port = { block: 'ssh', protocol: 'tcp' as const, publicPort: 2007, privatePort: 22, publicAddress: '198.18.0.2' };
    control.servers.set(7, serverOf(7, { ports: [port] }));
    assert.equal(wayOf(await understood(await written([], { control }), '7')), '198.18.0.2 2007 jbond007 server-7 -');
    assert.equal((await typed(['ssh', '--print', '7'], { control })).output, 'ssh -p 2007 jbond007@198.18.0.2\n');
  });

  test("another person's server is known by its ID alone: its name could hide a host", async () => {
    const output = await written([], { control: someServers() });
    assert.equal(wayOf(await understood(output, '200')), 'host.example.org 2200 mm server-200 -');
    assert.match(wayOf(await understood(output, 'mail')), /^mail 22 \S+ - -$/u);
    assert.equal(
      wayOf(await understood(await written(['--prefix', 'lab-'], { control: someServers() }), 'lab-mail')),
      'host.example.org 2200 mm server-200 -',
    );
  });

  test('a server that the person may only see is not there', async () => {
    assert.doesNotMatch(await written([], { control: someServers() }), /201/u);
    const { exitCode, error } = await typed(['ssh-config', '201'], { control: someServers() });
    assert.equal(exitCode, 4);
    assert.match(error, /no server 201 that you may enter/u);
  });

  test('through the bastion each is jumped to by name, servers to come too, and the bastion is reached as the person', async () => {
    const output = await written(['--via', 'bastion'], { control: someServers({ bastion }) });
    assert.equal(wayOf(await understood(output, 'web')), 'server-123 22 jbond007 server-123 myserver-gateway');
    assert.equal(wayOf(await understood(output, '7')), 'server-7 22 root2 server-7 myserver-gateway');
    assert.equal(wayOf(await understood(output, 'server-300')), 'server-300 22 jbond007 - myserver-gateway');
    assert.equal(wayOf(await understood(output, 'myserver-gateway')), 'gate.example.org 3022 jbond007 myserver-gateway -');
  });

  test('auto takes the port where there is one, the bastion where there is none', async () => {
    const output = await written(['--prefix', 'lab-'], { control: someServers({ bastion }) });
    assert.equal(wayOf(await understood(output, 'lab-123')), 'host.example.org 2123 jbond007 server-123 -');
    assert.equal(wayOf(await understood(output, 'lab-7')), 'server-7 22 root2 server-7 lab-myserver-gateway');
    assert.equal(wayOf(await understood(output, 'lab-myserver-gateway')), 'gate.example.org 3022 jbond007 myserver-gateway -');
  });

  test("hosts of others with names like ours keep everything that is theirs, and the person's own options after it count for all", async () => {
    for (const control of [someServers(), someServers({ bastion })]) {
      const output = `${await written([], { control })}ServerAliveInterval 77\n`;
      for (const other of ['server-1.example.org', 'host.example.org', 'git', '12.3.4.5']) {
        const config = await understood(output, other);
        assert.deepEqual(
          [config.get('hostname'), config.get('serveraliveinterval'), config.get('proxyjump')],
          [[other], ['77'], undefined],
          other,
        );
        assert.equal(config.get('knownhostscommand'), undefined);
      }
    }
  });

  test('keys come from the command alone and are checked strictly; a word of the command may hold anything but a variable', async () => {
    const config = await understood(await written(['--url', 'https://gate.example.org'], { control: someServers({ bastion }) }), '123');
    assert.deepEqual(config.get('knownhostscommand'), ['/usr/local/bin/myserver known-hosts --url https://gate.example.org %H']);
    assert.deepEqual(config.get('stricthostkeychecking'), ['true']);
    assert.deepEqual([config.get('userknownhostsfile'), config.get('globalknownhostsfile')], [['none'], ['none']]);
    assert.deepEqual(
      [config.get('serveraliveinterval'), config.get('checkhostip'), config.get('updatehostkeys')],
      [['30'], ['no'], ['false']],
    );
    assert.match(await written(['--url', 'a b"c\\d%e'], { control: someServers() }), / --url "a b\\"c\\\\d%%e" %H\n/u);
    assert.equal((await typed(['ssh-config', '--url', '${HOME}'], { control: someServers() })).exitCode, 7);
  });

  test('forwards are for all servers or for one, on the addresses given', async () => {
    const argv = [
      '--local-forward',
      '8888:localhost:80',
      '--local-forward',
      '123=127.0.0.1:9999:[::1]:443',
      '--dynamic-forward',
      '200=10080',
    ];
    const output = await written(argv, { control: someServers() });
    const one = await understood(output, '123');
    assert.deepEqual(one.get('localforward')?.toSorted(), ['8888 [localhost]:80', '[127.0.0.1]:9999 [::1]:443']);
    assert.equal(one.get('dynamicforward'), undefined);
    assert.deepEqual((await understood(output, '200')).get('dynamicforward'), ['10080']);
    for (const bad of ['8888', '8888:localhost:0', '8888:a b:80', '8888:localhost:80\nProxyCommand x', '70000:localhost:1', 'x=1:h:2'])
      assert.equal((await typed(['ssh-config', '--local-forward', bad], { control: someServers() })).exitCode, 2, bad);
    assert.equal((await typed(['ssh-config', '--dynamic-forward', '5=10080'], { control: someServers() })).exitCode, 4);
  });

  test('a name that would be an option of its own is refused', async () => {
    for (const change of [
      { publicHost: 'x\n  ProxyCommand y' },
      { bastion: { ...bastion, host: '-oProxyCommand=y' } },
      { bastion: { ...bastion, hostKeys: ['x\ny'] } },
    ]) {
      const { exitCode, output } = await typed(['ssh-config'], { control: someServers(change) });
      assert.deepEqual([exitCode, output], [7, '']);
    }
    assert.equal((await typed(['ssh-config', '--prefix', 'a b'], { control: someServers() })).exitCode, 2);
  });

  test('the bastion is not promised where there is none, and two kinds of output are not guessed between', async () => {
    assert.equal((await typed(['ssh-config', '--via', 'bastion'], { control: someServers() })).exitCode, 7);
    assert.equal((await typed(['ssh-config', '--putty', '--winscp'], { control: someServers() })).exitCode, 2);
    assert.equal((await typed(['ssh-config', '--putty', '--dry-run'], { control: someServers() })).exitCode, 2);
    assert.equal((await typed(['ssh-config', '--write'], { control: someServers(), withoutMachine: true })).exitCode, 2);
  });
});

suite('ssh-config --write', () => {
  const [own, config] = ['/home/jbond007/.ssh/myserver.config', '/home/jbond007/.ssh/config'];
  const theirs = 'Host old\r\n  User x\n\tPort 5\n# no newline at the end';
  const after = async (argv: readonly string[], files: ReadonlyMap<string, string>) => {
    const ran = await typed(['ssh-config', ...argv], { control: someServers(), files: Object.fromEntries(files) });
    assert.equal(ran.exitCode, 0, ran.error);
    return ran;
  };

  test('puts the servers into a file of their own and one Include before everything else, twice the same, and takes both out again', async () => {
    const before = new Map([[config, theirs]]);
    const first = await after(['--write'], before);
    assert.equal(first.output, `Changed ${own}\nChanged ${config}\n`);
    assert.equal(first.files.get(config), `# >>> myserver (include)\nInclude ${own}\n# <<< myserver (include)\n${theirs}`);
    assert.match(first.files.get(own) ?? '', /^# >>> myserver\n# The servers of host\.example\.org[^]*\nMatch all\n# <<< myserver\n$/u);
    const second = await after(['--write'], first.files);
    assert.deepEqual([second.output, second.files], ['Nothing to change.\n', first.files]);
    const other = await after(['--write', '--prefix', 'lab-'], first.files);
    assert.equal(other.files.get(config), first.files.get(config));
    const stays = await after(['--remove', '--prefix', 'lab-'], other.files);
    assert.deepEqual(stays.files, first.files);
    assert.deepEqual((await after(['--remove'], first.files)).files, before);
  });

  test('a part in the middle of a file is replaced in its place, all around it kept', async () => {
    const file = '/home/jbond007/x';
    const files = new Map([[file, `a\r\n# >>> myserver\r\nold\r\n# <<< myserver\r\n${theirs}`]]);
    const { files: done } = await after(['--write', 'x'], files);
    const text = done.get(file) ?? '';
    assert.ok(text.startsWith('a\r\n# >>> myserver\n# The servers') && text.endsWith(`# <<< myserver\n${theirs}`), text);
    assert.equal(done.get(config), undefined);
    assert.equal((await after(['--remove', 'x'], done)).files.get(file), `a\r\n${theirs}`);
  });

  test('a part that has no end is left alone', async () => {
    for (const text of [
      '# >>> myserver\nHost x\n',
      '# <<< myserver\n# >>> myserver\n',
      '# >>> myserver\n# >>> myserver\n# <<< myserver\n',
    ]) {
      const { exitCode, files } = await typed(['ssh-config', '--write', 'x'], {
        control: someServers(),
        files: { '/home/jbond007/x': text },
      });
      assert.deepEqual([exitCode, files.get('/home/jbond007/x')], [5, text]);
    }
  });

  test('--dry-run changes nothing and shows a diff that patch turns into what --write does', async () => {
    for (const text of [undefined, '', theirs, `${'x\n'.repeat(9)}# >>> myserver\nold\n# <<< myserver\n${'y\n'.repeat(9)}`]) {
      const files = new Map(text === undefined ? [] : [['/home/jbond007/x', text]]);
      const trial = await after(['--write', 'x', '--dry-run'], files);
      assert.deepEqual(trial.files, files);
      const dir = await mkdtemp(join(tmpdir(), 'mys-'));
      try {
        if (text !== undefined) await writeFile(join(dir, 'x'), text);
        execFileSync('patch', ['--binary', '-u', '-s', join(dir, 'x')], { input: trial.output });
        assert.equal(await readFile(join(dir, 'x'), 'utf8'), (await after(['--write', 'x'], files)).files.get('/home/jbond007/x'));
      } finally {
        await rm(dir, { recursive: true });
      }
    }
    assert.equal((await after(['--dry-run'], new Map())).output.split('\n--- ').length, 2);
  });

  test('--putty-unix puts sessions and host keys into what is there, and keeps all other settings', async () => {
    const dir = '/home/jbond007/.putty';
    const files = new Map([
      [`${dir}/sessions/server-123`, 'FontName=big\nPortNumber=1\n'],
      [`${dir}/sshhostkeys`, 'ssh-ed25519@2123:host.example.org 0x0,0x0\nrsa2@22:other 0x1,0x2\n'],
    ]);
    const first = await after(['--putty-unix'], files);
    assert.match(
      first.files.get(`${dir}/sessions/server-123`) ?? '',
      /^FontName=big\nPortNumber=2123\nHostName=host\.example\.org\nProtocol=ssh\n/u,
    );
    const keys = first.files.get(`${dir}/sshhostkeys`) ?? '';
    assert.match(keys, /^ssh-ed25519@2123:host\.example\.org 0x[\da-f]{20,},0x[\da-f]{20,}\nrsa2@22:other 0x1,0x2\nssh-ed25519@2200:host/u);
    assert.equal((await after(['--putty-unix'], first.files)).output, 'Nothing to change.\n');
  });
});

suite('known-hosts', () => {
  test('known-hosts gives the key for a port or an alias under the name that was asked for, with what is revoked, and nothing for others', async () => {
    const control = someServers();
    control.revokedKeys.push(gatewayKey);
    for (const host of ['[host.example.org]:2123', 'server-123']) {
      const { exitCode, output } = await typed(['known-hosts', host], { control });
      assert.equal(exitCode, 0);
      assert.match(output, /^\S+ ssh-ed25519 \S+\n@revoked \* ssh-ed25519 \S+\n$/u);
      assert.ok(output.startsWith(`${host} `));
    }
    const unknown = await typed(['known-hosts', 'elsewhere.example.org'], { control });
    assert.deepEqual([unknown.exitCode, unknown.output, unknown.error], [0, '', '']);
  });

  test('known-hosts alone gives all of them, by port and alias', async () => {
    const { output } = await typed(['known-hosts'], { control: someServers() });
    assert.match(output, /^\[host\.example\.org\]:2123,server-123 ssh-ed25519 /mu);
    assert.equal(output.split('\n').length, 5);
  });
});
