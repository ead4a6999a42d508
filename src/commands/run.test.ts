import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { errorCatalogue } from '../core/errors.ts';
import { golden } from './golden.testing.ts';
import { MemoryControl, recordingName } from './memory-control.testing.ts';
import { personNamed, serverOf } from './memory-views.testing.ts';
import { commandEntries, makeProgram } from './run.ts';
import { type Typed, typed } from './typed.testing.ts';
import { usageText } from './usage.ts';
import type { Context } from './context.ts';
import { Invocation } from './invocation.ts';

const whole = (argv: string, { exitCode, output, error }: Typed) =>
  `$ myserver ${argv}\n${output}--- error side:\n${error}--- exit code ${exitCode}\n`;

function twoServers(): MemoryControl {
  const control = new MemoryControl();
  control.servers.set(123, serverOf(123));
  control.servers.set(
    7,
    serverOf(7, { status: 'stopped', owner: 'mm', admin: 'root2', notes: '=1+1, "quoted" \u001B[31mred\u009B2J 日本語\nline' }),
  );
  return control;
}

suite('list', () => {
  test('list prints the classic example row exactly', async () => {
    const control = new MemoryControl();
    control.servers.set(123, serverOf(123));
    const { output } = await typed(['list', '--no-header'], { control });
    assert.equal(output, '123  jbond007  jbond007  debian12  minimal  5G  512  1  2123  8123  58123  running\n');
  });

  test('list prints the classic columns in their order', async () => {
    const { output } = await typed(['list']);
    assert.equal(output, 'ID  OWNER  ADMIN  SYSTEM  TYPE  DISK  MEM  CPUS  SSH  WWW  USR  STATUS  NOTES\n');
  });

  for (const format of ['table', 'json', 'csv', 'yaml']) {
    test(`list -f ${format} is as in the golden file, and nothing in it can be obeyed by a terminal`, async () => {
      const { output } = await typed(['list', '-f', format], { control: twoServers() });
      await golden(`list.${format}.txt`, output);
      assert.doesNotMatch(output.replaceAll(/\r?\n/gu, ''), /\p{Cc}/u);
    });
  }

  test('list -c takes columns in the order wanted, and names those there are when one is unknown', async () => {
    const control = twoServers();
    assert.equal((await typed(['list', '-c', 'status,id', '--no-header'], { control })).output, 'stopped  7\nrunning  123\n');
    const wrong = await typed(['list', '-c', 'id,colour'], { control });
    assert.equal(wrong.exitCode, 2);
    assert.match(wrong.error, /no column "colour"; there are id, owner/u);
  });

  test('list cuts only the notes to the width of a terminal, and nothing for a pipe', async () => {
    const control = new MemoryControl();
    control.servers.set(1, serverOf(1, { notes: 'x'.repeat(300) }));
    const narrow = await typed(['list'], { control, columns: 100 });
    assert.ok(narrow.output.split('\n').every((line) => line.length <= 100));
    assert.match(narrow.output, /x…\n$/u);
    assert.match((await typed(['list'], { control })).output, /x{300}\n$/u);
  });
});

suite('backup', () => {
  test('backup names the file by its whole path, because control is who writes it', async () => {
    const control = new MemoryControl();
    const { output } = await typed(['backup', 'monday.db', '--force'], { control });
    assert.deepEqual(control.calls, [
      { name: 'backup', input: { body: { path: '/home/jbond007/monday.db', force: true } }, idempotencyKey: undefined },
    ]);
    assert.equal(output, 'the store is copied to /home/jbond007/monday.db\n');
  });
});

suite('recording', () => {
  const cast = '{"version":2,"width":80,"height":24}\n[0.5,"o","\\u009b31mhello\\r\\n"]\n';

  test('recording show prints the whole cast, and nothing in it that a terminal could obey', async () => {
    const { output, exitCode } = await typed(['recording', 'show', recordingName]);
    assert.deepEqual({ output, exitCode }, { output: cast, exitCode: 0 });
  });

  test('recording list names server and person', async () => {
    for (const words of [['recordings'], ['recording', 'list', '123']])
      assert.match((await typed(words)).output, new RegExp(`^${recordingName} +123 +mm +`, 'mu'));
  });
});

suite('usage and help', () => {
  test('myserver alone prints the usage and ends with 0', async () => {
    const { exitCode, output, error } = await typed([]);
    assert.deepEqual({ exitCode, error }, { exitCode: 0, error: '' });
    await golden('usage.txt', output);
  });

  test('the usage names every command', () => {
    for (const { names } of commandEntries) assert.match(usageText, new RegExp(String.raw`\b${names[0] ?? ''}\b`, 'u'));
  });

  test('the usage names every exit code of the catalogue', () => {
    const codes = new Set(Object.values(errorCatalogue).map((kind) => kind.exitCode));
    for (const code of codes) assert.match(usageText, new RegExp(String.raw`\s${code} [a-z]`, 'u'));
  });

  test('every command has help with examples, in lines of at most 120 characters', async () => {
    const helps: string[] = [];
    for (const argv of await everyCommand()) {
      const { exitCode, output, error } = await typed([...argv, '--help']);
      assert.deepEqual({ argv, exitCode, error }, { argv, exitCode: 0, error: '' });
      assert.match(output, /^Usage: /u);
      assert.ok(
        output.split('\n').every((line) => line.length <= 120),
        `${argv.join(' ')} has a longer line`,
      );
      assert.match(output, /\nExamples:\n|\nCommands:\n/u);
      helps.push(`${output}\n`);
    }
    await golden('help.txt', helps.join('----\n'));
  });

  test('help WORD is WORD --help', async () => {
    assert.equal((await typed(['help', 'key', 'add'])).output, (await typed(['key', 'add', '--help'])).output);
  });

  test('every alias leads to its command', async () => {
    for (const { names } of commandEntries)
      for (const name of names)
        assert.equal((await typed([name, '--help'])).output, (await typed([names[0] ?? '', '--help'])).output, name);
  });

  test('without a machine there is no login, no --url, and ssh prints its command', async () => {
    const control = twoServers();
    const login = await typed(['login', 'https://x'], { control, withoutMachine: true });
    assert.equal(login.exitCode, 7);
    assert.doesNotMatch((await typed(['list', '--help'], { withoutMachine: true })).output, /--url/u);
    assert.equal((await typed(['ssh', '123'], { control, withoutMachine: true })).output, 'ssh -p 2123 jbond007@host.example.org\n');
  });
});

async function everyCommand(): Promise<readonly (readonly string[])[]> {
  const found: string[][] = [];
  const contexts: Context[] = [];
  await typed([], { onContext: (context) => void contexts.push(context) });
  const invocation = new Invocation(contexts[0] ?? assert.fail());
  const program = makeProgram(invocation);
  for (const { load } of commandEntries) (await load())(program, invocation);
  const walk = (command: typeof program, path: readonly string[]) => {
    for (const child of command.commands) {
      found.push([...path, child.name()]);
      walk(child, [...path, child.name()]);
    }
  };
  walk(program, []);
  return found;
}

suite('errors', () => {
  const cases: readonly (readonly [string, number, RegExp])[] = [
    ['lsit', 2, /there is no command "lsit"; did you mean "myserver list"\?/u],
    ['frobnicate', 2, /there is no command "frobnicate"; see "myserver --help"/u],
    ['create 5 --bogus', 2, /unknown option '--bogus'; see "myserver create --help"/u],
    ['share add 123 --person mm', 2, /unknown option '--person'; see "myserver share add --help"/u],
    ['list --formt json', 2, /unknown option '--formt' \(did you mean --format\?\)/u],
    ['list -f xml', 2, /'xml' is invalid.*table, json, csv, yaml/u],
    ['key ad', 2, /unknown command 'ad' \(did you mean add\?\)/u],
    ['stop', 2, /missing required argument 'ids'/u],
    ['stop thesis', 4, /there is no server named "thesis"/u],
    ['stop 1x', 2, /"1x" is not a server's ID/u],
    ['stop x!', 2, /"x!"/u],
    ['stop 9-5', 2, /runs backwards/u],
    ['stop 1-9999', 2, /more than 1000 servers/u],
    ['stop 1-99999', 2, /is not a server's ID/u],
    ['info 4', 4, /there is no server 4/u],
    ['create 123', 5, /server 123 is there already/u],
    ['create 5 --count 3', 2, /do not go together/u],
    ['create --mem lots', 2, /"lots" is not a size for the memory/u],
    ['create --count 0', 2, /"0" is not a number of servers/u],
    ['set 123', 2, /nothing to change was given/u],
    ['drop 123', 2, /dropping server 123 asks first, and there is no terminal to ask at: add --yes/u],
    ['ssh 7', 5, /server 7 is stopped: start it with "myserver start 7"/u],
    ['share add 123 mm everything', 2, /"everything" is not a right/u],
    ['share add 123 mm read --expires yesterday', 2, /"yesterday" is not a time/u],
    ['share add 123 mm read --expires 2020-01-01', 2, /already past/u],
    ['image build debian12', 2, /does not name an image/u],
    ['image import a/b', 2, /either from --remote/u],
    ['--user mm', 2, /no command was given/u],
    ['completion tcsh', 2, /for bash, zsh and fish/u],
  ];
  for (const [line, exitCode, pattern] of cases) {
    test(`"${line}" ends with ${exitCode} and one plain sentence, also as JSON`, async () => {
      const argv = line.split(' ');
      const plain = await typed(argv, { control: twoServers() });
      assert.deepEqual({ exitCode: plain.exitCode, output: plain.output }, { exitCode, output: '' });
      assert.match(plain.error, pattern);
      assert.match(plain.error, /^myserver: [^\n]*\n$/u);
      if (argv.includes('-f')) return;
      const json = await typed(['-f', 'json', ...argv], { control: twoServers() });
      const { error } = JSON.parse(json.error) as { error: { code: keyof typeof errorCatalogue; message: string } };
      assert.equal(errorCatalogue[error.code].exitCode, json.exitCode);
      assert.match(error.message, pattern);
      assert.equal(json.output, '');
    });
  }

  test('escape sequences in what was typed do not come back', async () => {
    for (const argv of [['\u001B[2J'], ['stop', '\u001B]0;x\u0007'], ['list', '--\u001B[2J'], ['info', '1', '\u009B2J']]) {
      const { error } = await typed(argv);
      assert.doesNotMatch(error.replaceAll('\n', ''), /\p{Cc}/u);
    }
  });

  test('options of the program may come before the command', async () => {
    const { output } = await typed(['-f', 'json', 'list']);
    assert.deepEqual(JSON.parse(output), []);
  });
});

suite('create', () => {
  test('create sends what was said, with an idempotency key, and shows the ways in and the password once', async () => {
    const control = new MemoryControl();
    const files = {
      'a.pub': 'ssh-ed25519 AAAA a\n',
      'b.ppk': 'PuTTY-User-Key-File-3: ssh-ed25519\nPublic-Lines: 1\nAAAA\nPrivate-Lines: 1\nSECRET\n',
    };
    const line = [
      'create',
      '5',
      '--mem',
      '1024',
      '--disk',
      '8',
      '--cpus',
      '2',
      '--admin',
      'root2',
      '--notes',
      'n',
      '--key',
      'a.pub',
      '--key',
      'b.ppk',
      '--no-start',
    ];
    const result = await typed(line, { control, files });
    await golden('create.txt', whole(line.join(' '), result));
    const call = control.calls.find(({ name }) => name === 'createServers');
    assert.equal(call?.idempotencyKey, '11111111-2222-4333-8444-555555555555');
    assert.deepEqual(call.input, {
      body: {
        id: 5,
        memoryBytes: 2 ** 30,
        diskBytes: 8 * 2 ** 30,
        cpus: 2,
        admin: 'root2',
        notes: 'n',
        keys: ['ssh-ed25519 AAAA a', 'PuTTY-User-Key-File-3: ssh-ed25519\nPublic-Lines: 1\nAAAA'],
        start: false,
      },
    });
  });

  test('create refuses to send a private key', async () => {
    const control = new MemoryControl();
    const { exitCode, error } = await typed(['create', '--key', 'id'], {
      control,
      files: { id: '-----BEGIN OPENSSH PRIVATE KEY-----\nx\n' },
    });
    assert.equal(exitCode, 2);
    assert.match(error, /holds a private key/u);
    assert.deepEqual(control.calls, []);
  });

  test('create --for-group and --owner name several owners, each of whom gets a line with owner, ID and password', async () => {
    const control = new MemoryControl();
    const members = ['ada', 'zoe'].map((person) => ({ person, isLeader: false }));
    control.groups.set('course', { name: 'course', description: '', members });
    const { output } = await typed(['create', '--for-group', 'course', '-f', 'csv'], { control });
    const rows = output.split(/\r?\n/u).map((row) => row.split(',').slice(0, 4).join(','));
    assert.deepEqual(rows, ['id,owner,user,password', '123,ada,ada,secret-123', '124,zoe,zoe,secret-124', '']);
    await typed(['create', '--owner', 'mm, ada', '--count', '2'], { control });
    const bodies = control.calls.filter(({ name }) => name === 'createServers').map(({ input }) => (input as { body: unknown }).body);
    assert.deepEqual(bodies, [{ group: 'course' }, { owners: ['mm', 'ada'], count: 2 }]);
  });

  test('create refuses one ID for several owners, and two ways of naming them', async () => {
    const control = new MemoryControl();
    for (const line of [
      ['create', '5', '--owner', 'a,b'],
      ['create', '5', '--for-group', 'g'],
      ['create', '--owner', 'a', '--for-group', 'g'],
    ])
      assert.equal((await typed(line, { control })).exitCode, 2, line.join(' '));
    assert.deepEqual(control.calls, []);
  });

  test('create --count 5 -f csv gives a table for a class on the output and nothing else', async () => {
    const { output, exitCode } = await typed(['create', '--count', '5', '-f', 'csv']);
    await golden('create-class.csv.txt', output);
    assert.equal(exitCode, 0);
  });

  test('create -f json gives servers, ways in and passwords', async () => {
    const { output } = await typed(['create', '-f', 'json']);
    const value = JSON.parse(output) as { servers: { id: number }[]; passwords: unknown; waysIn: unknown; operations: { state: string }[] };
    assert.deepEqual(
      value.servers.map(({ id }) => id),
      [123],
    );
    assert.deepEqual(value.passwords, [{ id: 123, user: 'jbond007', password: 'secret-123' }]);
    assert.deepEqual(
      value.operations.map(({ state }) => state),
      ['done'],
    );
  });

  test('create tells the failure of one of several, keeps the passwords of the others, and ends with its code', async () => {
    const control = new MemoryControl();
    control.brokenId = 124;
    const { output, error, exitCode } = await typed(['create', '--count', '3'], { control });
    assert.equal(exitCode, 7);
    assert.match(error, /myserver: server 124 did not start: the engine said no\n/u);
    assert.match(output, /secret-123[^]*secret-125/u);
    assert.doesNotMatch(output, /secret-124/u);
  });

  test('create interrupted while waiting shows the password and how to look or cancel, and ends with 130', async () => {
    const control = new MemoryControl();
    control.looksUntilDone = 1000;
    const interrupted = new AbortController();
    let sleeps = 0;
    const result = await typed(['create'], {
      control,
      signal: interrupted.signal,
      onSleep: () => {
        sleeps += 1;
        if (sleeps === 3) interrupted.abort();
      },
    });
    assert.equal(result.exitCode, 130);
    assert.match(result.output, /secret-123/u);
    assert.match(
      result.error,
      /the create of server 123 goes on: look with "myserver operation show operation-1", end it with "myserver operation cancel operation-1"/u,
    );
  });

  test('create --no-wait asks once and says where to look', async () => {
    const control = new MemoryControl();
    const { output, error, exitCode } = await typed(['create', '--no-wait'], { control });
    assert.deepEqual(
      control.calls.map(({ name }) => name),
      ['createServers'],
    );
    assert.equal(exitCode, 0);
    assert.match(output, /secret-123/u);
    assert.match(error, /myserver operation show operation-1/u);
  });

  test('create --wait is what create does by itself', async () => {
    const answers = [];
    for (const words of [['create'], ['create', '--wait']]) {
      const control = new MemoryControl();
      const { output, exitCode } = await typed(words, { control });
      answers.push({ output, exitCode, calls: control.calls.map(({ name }) => name) });
    }
    assert.equal(answers[0]?.exitCode, 0);
    assert.ok((answers[0]?.calls.length ?? 0) > 1);
    assert.deepEqual(answers[1], answers[0]);
  });

  test('live progress writes its lines over and takes them away at the end', async () => {
    const control = new MemoryControl();
    control.looksUntilDone = 4;
    const { error } = await typed(['create', '--count', '2', '-f', 'json'], { control, live: true });
    assert.match(error, /server 123 {2}\[#####\.{15}\] {2}step 1/u);
    assert.ok(error.endsWith('\u001B[2A\r\u001B[J'));
  });
});

suite('deeds', () => {
  test('a server is named by its name in every command that takes an ID', async () => {
    const control = new MemoryControl();
    control.servers.set(7, serverOf(7, { name: 'thesis', owner: 'mm' }));
    control.servers.set(123, serverOf(123));
    for (const line of [
      'info thesis',
      'stop thesis,123',
      'start 123 thesis',
      'restart thesis',
      'kill server-7',
      'set thesis --notes x',
      'password thesis',
      'share add thesis mm read',
      'share remove thesis mm',
      'drop thesis -y',
    ]) {
      control.calls.length = 0;
      const { exitCode, error } = await typed(line.split(' '), { control });
      assert.equal(exitCode, 0, `${line}: ${error}`);
      assert.match(JSON.stringify(control.calls.map(({ input }) => input)), /"id":(?:7|"grant-1")[,}]/u, line);
    }
    assert.deepEqual([...control.servers.keys()], [123]);
  });

  test('set says what it changed', async () => {
    const control = new MemoryControl();
    control.servers.set(7, serverOf(7));
    const said = async (...words: readonly string[]) => (await typed(['set', '7', ...words], { control })).output;
    assert.equal(await said('--name', 'thesis', '--cpus', '1'), 'server 7 is changed: name thesis, 1 CPU\n');
    assert.equal(await said('--no-name', '--notes', ''), 'server 7 is changed: no name, no notes\n');
    assert.equal(await said('--disk', '20G'), 'server 7 is changed: 20G disk; it holds after "myserver restart 7"\n');
  });

  test('stop takes several IDs and ranges, each once, and follows them', async () => {
    const control = new MemoryControl();
    for (const id of [1, 5, 6, 7]) control.servers.set(id, serverOf(id));
    const { output, exitCode } = await typed(['stop', '1', '5-7,6'], { control });
    assert.equal(exitCode, 0);
    assert.equal(output, 'server 1 is stopped\nserver 5 is stopped\nserver 6 is stopped\nserver 7 is stopped\n');
  });

  test('stop goes on after one that is not there; the first failure gives the exit code', async () => {
    const { output, error, exitCode } = await typed(['stop', '4', '123', '5'], { control: twoServers() });
    assert.equal(exitCode, 4);
    assert.equal(output, 'server 123 is stopped\n');
    assert.equal(error.match(/there is no server/gu)?.length, 2);
  });

  test('drop asks for the ID and passes the generation that was shown', async () => {
    const control = twoServers();
    const wrong = await typed(['drop', '7'], { control, answers: ['8'] });
    assert.equal(wrong.exitCode, 130);
    assert.ok(control.servers.has(7));
    const right = await typed(['drop', '7'], { control, answers: [' 7'] });
    assert.equal(right.output, 'server 7 is gone\n');
    assert.deepEqual(control.calls.find(({ name }) => name === 'dropServer')?.input, {
      params: { id: 7 },
      query: { generation: '00000000-0000-4000-8000-000000000007' },
    });
  });

  test('drop of several needs all their IDs; --yes does not ask', async () => {
    const control = twoServers();
    assert.equal((await typed(['drop', '7', '123'], { control, answers: ['7'] })).exitCode, 130);
    assert.equal((await typed(['drop', '-y', '7', '123'], { control })).output, 'server 7 is gone\nserver 123 is gone\n');
  });

  test('ssh runs ssh with the true host key, passes words on and gives its exit code', async () => {
    const { executed, exitCode, files } = await typed(['ssh', '--inside', '-oProxyCommand=x', '123', 'ls', '-f', 'json'], {
      control: twoServers(),
    });
    assert.equal(exitCode, 7);
    const [argv = []] = executed;
    assert.deepEqual(argv.slice(0, 5), ['ssh', '-p', '2123', '-l', '-oProxyCommand=x']);
    assert.deepEqual(argv.slice(argv.indexOf('--')), ['--', 'host.example.org', 'ls', '-f', 'json']);
    assert.match(files.get('known_hosts') ?? '', /^server-123 ssh-ed25519 \S+\n$/u);
  });

  test('ssh takes a name, and the user inside before an @', async () => {
    const control = twoServers();
    control.servers.set(5, serverOf(5, { name: 'mybox' }));
    const [argv = []] = (await typed(['ssh', 'root@mybox', 'uptime'], { control })).executed;
    assert.deepEqual(argv.slice(0, 5), ['ssh', '-p', '2005', '-l', 'root']);
    const unknown = await typed(['ssh', 'nobox'], { control });
    assert.equal(unknown.exitCode, 4);
    assert.match(unknown.error, /no server named "nobox"/u);
    assert.equal((await typed(['complete', '--', 'ssh', 'guest@my'], { control })).output, 'guest@mybox\tserver 5, running\n');
  });

  test('ssh -t asks for a terminal, before everything that goes to the server', async () => {
    const { executed } = await typed(['ssh', '-t', '123', 'top', '-t'], { control: twoServers() });
    const [argv = []] = executed;
    assert.deepEqual([argv.indexOf('-t') < argv.indexOf('--'), argv.slice(-2)], [true, ['top', '-t']]);
    const [without = []] = (await typed(['ssh', '123', 'top'], { control: twoServers() })).executed;
    const dashed = (await typed(['ssh', '123', '--', 'top'], { control: twoServers() })).executed[0] ?? [];
    assert.deepEqual(dashed, without, 'dashes before the command go no further');
    assert.ok(!without.includes('-t'));
  });

  test("password without an ID changes one's own, and refuses two that differ", async () => {
    const control = new MemoryControl();
    assert.equal((await typed(['password'], { control, answers: ['old', 'new', 'other'] })).exitCode, 2);
    assert.ok(!control.calls.some(({ name }) => name === 'personPassword'));
    assert.equal((await typed(['password', '--password-stdin'], { control, input: 'old\nnew\n' })).exitCode, 0);
    assert.deepEqual(control.calls.at(-1)?.input, { params: { name: 'jbond007' }, body: { current: 'old', next: 'new' } });
  });

  test('user add --if-none adds the first administrator once', async () => {
    const control = new MemoryControl();
    const line = ['user', 'add', 'q', '--role', 'administrator', '--if-none', '-f', 'json'];
    assert.equal((JSON.parse((await typed(line, { control })).output) as { password: string }).password, 'first-secret');
    assert.equal((JSON.parse((await typed(line, { control })).output) as { password: null }).password, null);
    assert.equal(control.people.size, 1);
  });

  test('user set passes quotas as bytes, "default" as null', async () => {
    const control = new MemoryControl();
    await typed('user set mm --servers 5 --mem 4G --disk default --disable'.split(' '), { control });
    assert.deepEqual(control.calls.at(-1)?.input, {
      params: { name: 'mm' },
      body: { disabled: true, quota: { servers: 5, memoryBytes: 4 * 2 ** 30, diskBytes: null } },
    });
  });

  test('share add names targets, subjects and an end; share remove finds the grant', async () => {
    const control = new MemoryControl();
    await typed('share add 123 group:web read --expires 7d'.split(' '), { control });
    assert.equal(control.grants[0]?.expiresAt, '2026-11-29T05:00:00.000Z');
    assert.equal((await typed('share remove 123 mm'.split(' '), { control })).exitCode, 4);
    assert.equal((await typed('share remove 123 group:web'.split(' '), { control })).exitCode, 0);
    assert.deepEqual(control.calls.at(-1)?.input, { params: { id: 'grant-1' } });
  });

  test('doctor ends with 1 on an error, names what to type, and mends', async () => {
    const control = new MemoryControl();
    control.findings.push({
      id: 'x:y',
      code: 'x',
      severity: 'error',
      subject: 'y',
      found: 'It is broken.',
      remedy: 'Mend it.',
      actions: ['mend'],
    });
    const looked = await typed(['doctor'], { control });
    assert.equal(looked.exitCode, 1);
    assert.match(looked.output, /myserver doctor mend x:y/u);
    const mended = await typed(['doctor', '--mend'], { control });
    assert.equal(mended.exitCode, 0);
    assert.equal(mended.output, 'Everything is as it should be.\n');
  });

  test('doctor discard asks', async () => {
    assert.equal((await typed(['doctor', 'discard', 'x:y'])).exitCode, 2);
    assert.equal((await typed(['doctor', 'discard', 'x:y', '--yes'])).exitCode, 0);
  });

  test('login keeps a session, logout revokes and forgets it', async () => {
    const control = new MemoryControl();
    const { sessions, exitCode } = await typed(['login', 'https://h', '--user', 'mm', '--lifetime', '12h'], {
      control,
      answers: ['right horse'],
    });
    assert.equal(exitCode, 0);
    assert.deepEqual(
      sessions.map(({ url, person }) => ({ url, person })),
      [{ url: 'https://h', person: 'mm' }],
    );
    assert.deepEqual(control.calls.at(-1)?.input, {
      body: { person: 'mm', password: 'right horse', label: 'myserver on desk', lifetimeSeconds: 43_200 },
    });
    assert.equal((await typed(['login', 'https://h'], { control, answers: ['wrong'] })).exitCode, 3);
  });

  test('every other command speaks the contract', async () => {
    const control = twoServers();
    control.people.set('mm', personNamed('mm'));
    control.begin('create', 123);
    const lines = [
      'start 123',
      'kill 123',
      'restart 123',
      'set 123 --no-name --notes x',
      'password 123 --inside guest',
      'key add a',
      'key list',
      'key remove SHA256:key',
      'image list',
      'image build debian12/web',
      'image import a/b --remote images:a',
      'image import a b --metadata m --rootfs r',
      'image remove debian12 web --yes',
      'plan show',
      'plan check',
      'user list',
      'user set mm --new-password',
      'user remove mm -y',
      'group add web --description d',
      'group list',
      'group member add web mm --leader',
      'group member remove web mm',
      'group remove web -y',
      'share add all mm list',
      'share add group:web mm none',
      'share list 123',
      'operation list',
      'operation show operation-1 --wait',
      'operation cancel operation-1',
      'audit --server 123 --limit 5',
      'token list',
      'token revoke current',
      'doctor adopt x:y --owner mm',
      'info 123 7',
    ];
    for (const line of lines) {
      for (const format of ['table', 'json', 'csv', 'yaml']) {
        if (/remove mm|remove web/u.test(line) && format !== 'yaml') continue;
        const { exitCode, error, output } = await typed([...line.split(' '), '-f', format], { control, files: { a: 'ssh-ed25519 AAAA' } });
        assert.deepEqual({ line, format, exitCode }, { line, format, exitCode: 0 }, error);
        assert.notEqual(output, '', `${line} -f ${format} says something`);
        if (format === 'json' && !line.startsWith('info')) JSON.parse(output);
      }
    }
  });
});

suite('complete', () => {
  const offered = async (words: readonly string[], control = twoServers()) =>
    (await typed(['complete', '--', ...words], { control })).output
      .split('\n')
      .flatMap((line) => (line === '' ? [] : [line.split('\t')[0]]));

  test('complete offers commands, subcommands, options and their values', async () => {
    assert.deepEqual(await offered(['sta']), ['start']);
    assert.deepEqual(await offered(['key', '']), ['add', 'list', 'remove']);
    assert.ok((await offered(['create', '--'])).includes('--system'));
    assert.deepEqual(await offered(['list', '-f', '']), ['table', 'json', 'csv', 'yaml']);
    assert.deepEqual(await offered(['list', '--format=j']), ['--format=json']);
    assert.deepEqual(await offered(['user', 'set', 'mm', '--role', 's']), ['staff']);
  });

  test('complete offers IDs, images, people and files', async () => {
    const control = twoServers();
    control.people.set('mm', personNamed('mm'));
    assert.deepEqual(await offered(['stop', ''], control), ['123', '7']);
    assert.deepEqual(await offered(['stop', '7', '1'], control), ['123']);
    assert.deepEqual(await offered(['stop', '7', ''], control), ['123'], 'what is named already is not offered again');
    assert.deepEqual(await offered(['create', ''], control), [], 'an ID that is there cannot be had');
    assert.deepEqual(await offered(['create', '--type', '']), ['minimal', 'web']);
    assert.deepEqual(await offered(['share', 'add', '123', ''], control), ['mm']);
    assert.deepEqual(await offered(['create', '--key', '']), [':files']);
    assert.deepEqual(await offered(['ssh', '123', '']), []);
  });

  test('sessions alone lists them, and kill ends those that it names', async () => {
    const listed = await typed(['sessions']);
    assert.equal(listed.exitCode, 0, listed.error);
    assert.match(listed.output, /^1f0c9a2b +jbond007 +198\.51\.100\.7 +shell +123 +\S+ +512 +3M +jbond007 on server 123$/mu);
    assert.equal((await typed(['sessions', 'kill', '1f0c9a2b'])).output, 'session 1f0c9a2b was asked to end\n');
    const wrong = await typed(['sessions', 'kill', 'nothing']);
    assert.equal(wrong.exitCode, 4);
    assert.match(wrong.error, /no live session nothing/u);
  });
});
