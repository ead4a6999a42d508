import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, readFile, stat, writeFile, mkdir } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import type { AddressInfo } from 'node:net';
import { suite, test } from 'node:test';
import { MemoryControl } from '../commands/memory-control.testing.ts';
import { serverOf } from '../commands/memory-views.testing.ts';
import { serveControl } from './control-over-http.testing.ts';
import { makeHome } from './spawned.testing.ts';

function oneServer(): MemoryControl {
  const control = new MemoryControl();
  control.servers.set(123, serverOf(123));
  return control;
}

const row = '123  jbond007  jbond007  debian12  minimal  5G    512  1     2123  8123  58123  running\n';
const isRoot = process.geteuid?.() === 0;

suite('ways to control', { concurrency: 2 }, () => {
  test('root goes through root.sock without a credential', { skip: isRoot ? false : 'only root has that way' }, async () => {
    await using home = await makeHome();
    await using served = await serveControl(oneServer(), { socketPath: home.rootSocket });
    const { code, output, error } = await home.run(['list']);
    assert.deepEqual({ code, error }, { code: 0, error: '' });
    assert.ok(output.endsWith(row));
    assert.deepEqual(served.authorizations, [undefined]);
  });

  test('root without a socket is told that control does not run', { skip: isRoot ? false : 'only root has that way' }, async () => {
    await using home = await makeHome();
    const { code, error } = await home.run(['list']);
    assert.equal(code, 7);
    assert.match(error, /^myserver: control is not running here: there is no .*root\.sock\. "sudo \.\/up" starts it/u);
  });

  test('a password comes with --password-stdin and goes as Basic, the name from MYSERVER_USER', async () => {
    await using home = await makeHome();
    await using served = await serveControl(oneServer());
    const { code } = await home.run(['list', '--password-stdin'], {
      input: 'right horse\n',
      env: { MYSERVER_URL: served.url, MYSERVER_USER: 'mm' },
    });
    assert.equal(code, 0);
    assert.deepEqual(served.authorizations, [undefined, `Basic ${Buffer.from('mm:right horse').toString('base64')}`]);
  });

  test('without a terminal and a password nothing is asked and nothing waits', async () => {
    await using home = await makeHome();
    await using served = await serveControl(oneServer());
    const { code, error, output } = await home.run(['list', '--url', served.url, '-f', 'json']);
    assert.deepEqual({ code, output }, { code: 3, output: '' });
    assert.equal((JSON.parse(error) as { error: { code: string } }).error.code, 'not-signed-in');
  });

  test('who signs in with the password to change is not asked for it again', async () => {
    await using home = await makeHome();
    const control = oneServer();
    await using served = await serveControl(control);
    const { code, error } = await home.run(['password', '--url', served.url, '--password-stdin'], { input: 'right horse\nnew horse\n' });
    assert.deepEqual({ code, error }, { code: 0, error: '' });
    assert.deepEqual(control.calls.at(-1)?.input, { params: { name: 'jbond007' }, body: { current: 'right horse', next: 'new horse' } });
  });

  test('a wrong password ends with 3, once, however many servers were named', async () => {
    await using home = await makeHome();
    await using served = await serveControl(oneServer());
    const { code, error } = await home.run(['stop', '1', '2', '3', '--url', served.url, '--password-stdin'], { input: 'wrong\n' });
    assert.equal(code, 3);
    assert.equal(error.split('\n').length, 2);
    assert.equal(served.authorizations.length, 2);
  });

  test('login keeps a token that only its person can read; commands use it; logout revokes and forgets it', async () => {
    await using home = await makeHome();
    const control = oneServer();
    await using served = await serveControl(control);
    const login = await home.run(['login', served.url, '--password-stdin'], { input: 'right horse\n' });
    assert.deepEqual({ code: login.code, error: login.error }, { code: 0, error: '' });
    assert.equal(login.output, `Signed in to ${served.url} as jbond007 until 2099-01-01T00:00:00.000Z.\n`);
    const file = path.join(home.dir, '.config/myserver/session.json');
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.equal((await stat(path.dirname(file))).mode & 0o777, 0o700);
    assert.equal((await home.run(['list'])).code, 0);
    assert.equal(served.authorizations.at(-1), 'Bearer token-of-bond');
    assert.equal((await home.run(['logout'])).output, `Signed out of ${served.url}.\n`);
    assert.deepEqual(control.calls.at(-1), { name: 'revokeToken', input: { params: { id: 'current' } }, idempotencyKey: undefined });
    assert.doesNotMatch(await readFile(file, 'utf8'), /token-of-bond/u);
    assert.equal((await home.run(['logout'])).code, 4);
  });

  test('a session file that others can read is refused', async () => {
    await using home = await makeHome();
    const file = path.join(home.dir, '.config/myserver/session.json');
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, '{"sessions":[]}');
    await chmod(file, 0o644);
    const { code, error } = await home.run(['list']);
    assert.equal(code, 2);
    assert.match(error, /others may read or write .*session\.json \(mode 644\): run "chmod 600/u);
  });

  test('an expired sign-in says so and names the command', async () => {
    await using home = await makeHome();
    const file = path.join(home.dir, '.config/myserver/session.json');
    await mkdir(path.dirname(file), { recursive: true });
    const session = { url: 'https://h', person: 'mm', token: 't', tokenId: 'i', expiresAt: '2020-01-01T00:00:00.000Z' };
    await writeFile(file, JSON.stringify({ sessions: [session] }), { mode: 0o600 });
    const { code, error } = await home.run(['list', '--url', 'h']);
    assert.equal(code, 3);
    assert.match(
      error,
      /your sign-in to https:\/\/h as mm ended at 2020-01-01T00:00:00\.000Z: sign in again with "myserver login https:\/\/h"/u,
    );
  });

  test('a password does not cross a network in the clear unless the person insists', async () => {
    await using home = await makeHome();
    for (const argv of [
      ['list', '--url', 'http://192.0.2.1:9440'],
      ['login', 'http://192.0.2.1:9440'],
    ]) {
      const { code, error } = await home.run([...argv, '--password-stdin'], { input: 'right horse\n' });
      assert.equal(code, 2);
      assert.match(error, /plain HTTP: everybody on the way could read your password/u);
    }
  });

  test('addresses with a password, a path or another scheme are refused', async () => {
    await using home = await makeHome();
    for (const url of ['https://mm:secret@h', 'https://h/portal', 'ftp://h', 'https://[', '']) {
      const { code, error } = await home.run(['login', url || ' ']);
      assert.equal(code, 2, url);
      assert.doesNotMatch(error, /secret/u);
    }
  });

  test('TLS is checked; --ca names an authority and login remembers it', async () => {
    await using home = await makeHome();
    const [key, cert] = [path.join(home.dir, 'key.pem'), path.join(home.dir, 'ca.pem')];
    const subject = ['-subj', '/CN=test', '-addext', 'subjectAltName=IP:127.0.0.1'];
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '1',
        '-keyout',
        key,
        '-out',
        cert,
        ...subject,
      ],
      { stdio: 'ignore' },
    );
    await using served = await serveControl(oneServer(), { tls: { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') } });
    const refused = await home.run(['login', served.url, '--password-stdin'], { input: 'right horse\n' });
    assert.equal(refused.code, 7);
    assert.match(refused.error, /certificate of https:.* is not to be trusted .* --ca FILE/u);
    assert.deepEqual(served.authorizations, []);
    assert.equal((await home.run(['login', served.url, '--ca', cert, '--password-stdin'], { input: 'right horse\n' })).code, 0);
    assert.equal((await home.run(['list'])).code, 0);
  });

  test('what is not myserver is told apart from an error of myserver', async () => {
    await using home = await makeHome();
    const server = http.createServer((_request, response) => response.writeHead(502).end('<html>Bad gateway</html>'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const { code, error } = await home.run(['list', '--url', `http://127.0.0.1:${port}`, '--password-stdin'], { input: 'x\n' });
    server.close();
    assert.equal(code, 7);
    assert.match(error, /answered with HTTP status 502, but not as myserver does/u);
    const nobody = await home.run(['list', '--url', `http://127.0.0.1:${port}`, '--password-stdin'], { input: 'x\n' });
    assert.equal(nobody.code, 7);
    assert.match(nobody.error, /nobody answers as myserver at http:\/\/127\.0\.0\.1/u);
  });
});

suite('on a terminal and in a pipe', { concurrency: 2 }, () => {
  test('the password is asked for and not echoed', async () => {
    await using home = await makeHome();
    await using served = await serveControl(oneServer());
    const { output, code } = await home.type(
      ['myserver', '--url', served.url, 'list', '--no-header'],
      [[/password of jbond007 at http:\S+: /u, 'right horse\r']],
    );
    assert.equal(code, 0);
    assert.match(output, /2123/u);
    assert.doesNotMatch(output, /right|horse/u);
  });

  test('NO_COLOR and a pipe mean no colours', async () => {
    await using home = await makeHome();
    await using served = await serveControl(oneServer());
    const env = { MYSERVER_URL: served.url };
    const ask: readonly (readonly [RegExp, string])[] = [[/password of/u, 'right horse\r']];
    const green = '\u001B[32m';
    assert.ok((await home.type(['myserver', 'list'], ask, env)).output.includes(`${green}running`));
    assert.ok(!(await home.type(['myserver', 'list'], ask, { ...env, NO_COLOR: '1' })).output.includes(green));
    assert.ok(!(await home.run(['list', '--password-stdin'], { env, input: 'right horse\n' })).output.includes('\u001B'));
  });

  test('^C and ^D at a question end with 130 and change nothing', async () => {
    await using home = await makeHome();
    const control = oneServer();
    await using served = await serveControl(control);
    for (const key of ['\u0003', '\u0004']) {
      const { code, output } = await home.type(
        ['myserver', '--url', served.url, 'drop', '123'],
        [
          [/password of/u, 'right horse\r'],
          [/Type the ID/u, key],
        ],
      );
      assert.equal(code, 130);
      assert.match(output, /nothing was done/u);
    }
    assert.ok(control.servers.has(123));
  });

  test('^C while create waits shows the password, says how to go on, and ends with 130', async () => {
    await using home = await makeHome();
    const control = new MemoryControl();
    control.looksUntilDone = 10_000;
    await using served = await serveControl(control);
    const { code, output, error } = await home.run(['create', '--url', served.url, '--password-stdin'], {
      input: 'right horse\n',
      interruptAt: /step 2/u,
    });
    assert.equal(code, 130);
    assert.match(output, /secret-123/u);
    assert.match(error, /goes on: look with "myserver operation show operation-1"/u);
    assert.match(String(control.calls.find(({ name }) => name === 'createServers')?.idempotencyKey), /^[\da-f-]{36}$/u);
  });

  test('a reader that goes away early is no error', async () => {
    await using home = await makeHome();
    const control = new MemoryControl();
    for (let id = 0; id < 1000; id += 1) control.servers.set(id, serverOf(id, { notes: 'x'.repeat(400) }));
    await using served = await serveControl(control);
    const { output } = await home.type(
      [
        'bash',
        '-c',
        `set -o pipefail; echo 'right horse' | myserver --url ${served.url} --password-stdin list | head -n 1; echo "codes \${PIPESTATUS[*]}"`,
      ],
      [],
    );
    assert.match(output, /^ID /u);
    assert.match(output, /codes 0 0 0/u);
  });

  test('--version and the usage need no control', async () => {
    await using home = await makeHome();
    assert.match((await home.run(['--version'])).output, /^myserver \d+\.\d+\.\d+\n$/u);
    assert.match((await home.run([])).output, /^myserver: a server of your own/u);
  });

  test('ssh is run with options that it accepts, the true host key, and its exit code comes back', async () => {
    await using home = await makeHome();
    const control = oneServer();
    control.publicHost = '127.0.0.1';
    await using served = await serveControl(control);
    // The real ssh reads its options and says what it makes of them.
    await home.addProgram(
      'ssh',
      '#!/bin/sh\nPATH=/usr/bin:/bin\nssh -G "$@" | grep -iE "^(user|port|hostname|hostkeyalias|userknownhostsfile|stricthostkeychecking) "\ncat $(ssh -G "$@" | sed -n "s/^userknownhostsfile //p")\nexit 42\n',
    );
    const { code, output, error } = await home.run(['--url', served.url, '--password-stdin', 'ssh', '123', 'ls', '-la'], {
      input: 'right horse\n',
    });
    assert.deepEqual({ code, error }, { code: 42, error: '' });
    assert.match(output, /^user jbond007$/mu);
    assert.match(output, /^port 2123$/mu);
    assert.match(output, /^hostname 127\.0\.0\.1$/mu);
    assert.match(output, /^hostkeyalias server-123$/mu);
    assert.match(output, /^stricthostkeychecking (?:yes|true)$/mu);
    assert.match(output, /^server-123 ssh-ed25519 \S+$/mu);
  });
});

suite('known-hosts', () => {
  const answers = async (argv: (url: string) => readonly string[]) => {
    await using home = await makeHome();
    await using served = await serveControl(oneServer());
    const ran = await home.run(['known-hosts', ...argv(served.url)], { env: { MYSERVER_URL: served.url, MYSERVER_USER: 'mm' } });
    assert.deepEqual(served.authorizations, [undefined]);
    return ran;
  };

  test('the quick way that ssh goes and the command give the same answer, neither with a credential', async () => {
    const quick = await answers((url) => ['--url', url, 'server-123']);
    const whole = await answers(() => ['server-123']);
    assert.deepEqual(quick, whole);
    assert.match(quick.output, /^server-123 ssh-ed25519 \S+\n$/u);
    assert.deepEqual(await answers((url) => ['--url', url, 'git']), { code: 0, output: '', error: '' });
  });

  test('where nobody answers, the command says so and ends with 7', async () => {
    await using home = await makeHome();
    const { code, output, error } = await home.run(['known-hosts', '--url', 'http://127.0.0.1:1', 'server-123']);
    assert.deepEqual([code, output], [7, '']);
    assert.match(error, /nobody answers as myserver at/u);
    const unsafe = await home.run(['known-hosts', '--url', 'http://192.0.2.1', 'server-123']);
    assert.equal(unsafe.code, 2);
  });
});

suite('ssh-config', () => {
  const command = async (home: Awaited<ReturnType<typeof makeHome>>, env: Readonly<Record<string, string>> = {}) => {
    const { code, output, error } = await home.run(['ssh-config'], { env });
    assert.equal(code, 0, error);
    return /KnownHostsCommand (.*) known-hosts (.*)/u.exec(output)?.slice(1);
  };
  const own = `${process.execPath} ${path.join(import.meta.dirname, 'main.ts')}`;

  test("what ssh runs asks at the address of the sign-in, by the launcher's own path where that is known", async () => {
    await using home = await makeHome();
    await using served = await serveControl(oneServer());
    assert.equal((await home.run(['login', served.url, '--password-stdin'], { input: 'right horse\n' })).code, 0);
    assert.deepEqual(await command(home), [own, `--url ${served.url} %H`]);
    const launchers = ['/usr/local/bin/myserver', './myserver'];
    const programs = await Promise.all(launchers.map(async (one) => (await command(home, { MYSERVER_PROGRAM: one }))?.[0]));
    assert.deepEqual(programs, ['/usr/local/bin/myserver', own]);
  });

  test("for root's own socket it needs no address", { skip: isRoot ? false : 'only root has that way' }, async () => {
    await using home = await makeHome();
    await using served = await serveControl(oneServer(), { socketPath: home.rootSocket });
    assert.deepEqual(await command(home), [own, '%H']);
    assert.match((await home.run(['known-hosts', 'server-123'])).output, /^server-123 ssh-ed25519 /u);
    assert.equal(served.url, 'http://localhost');
  });
});
