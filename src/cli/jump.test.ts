/** What `ssh-config` writes for the way through a bastion, gone by the real ssh and plink with the real program: two SSH servers in this process stand for both ends. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import ssh2 from 'ssh2';
import { MemoryControl } from '../commands/memory-control.testing.ts';
import { serverOf } from '../commands/memory-views.testing.ts';
import { runProcess } from '../testing/run-process.ts';
import { serveControl } from './control-over-http.testing.ts';
import { type Home, makeHome } from './spawned.testing.ts';

interface End extends AsyncDisposable {
  readonly port: number;
  readonly publicKey: string;
  /** User names as they came. */
  readonly users: string[];
}

/** Lets everybody in who has a key. A session answers each command with `says`; a forward leads to what `forwardTo` gives for the name that was asked for. */
async function makeEnd(home: Home, says: string, forwardTo?: (name: string) => number | undefined): Promise<End> {
  const keyFile = makeKey(home, says);
  const users: string[] = [];
  const server = new ssh2.Server({ hostKeys: [await readFile(keyFile)] }, (client) => {
    client.on('error', () => {});
    client.on('authentication', (attempt) => {
      if (attempt.method !== 'publickey') return attempt.reject(['publickey']);
      users.push(attempt.username);
      return attempt.accept();
    });
    client.on('session', (accept) => {
      accept().on('exec', (acceptCommand) => {
        const channel = acceptCommand();
        channel.write(`${says}\n`);
        channel.exit(0);
        channel.end();
      });
    });
    client.on('tcpip', (accept, reject, { destIP }) => {
      const port = forwardTo?.(destIP);
      if (port === undefined) return reject();
      const [channel, socket] = [accept(), connect(port, '127.0.0.1')];
      channel.pipe(socket).pipe(channel);
      channel.on('error', () => socket.destroy());
      return socket.on('error', () => channel.destroy());
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const publicKey = (await readFile(`${keyFile}.pub`, 'utf8')).trim();
  const { port } = server.address() as AddressInfo;
  return { port, publicKey, users, [Symbol.asyncDispose]: async () => void (await new Promise((resolve) => server.close(resolve))) };
}

function makeKey(home: Home, name: string): string {
  const file = join(home.dir, name);
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
  return file;
}

suite('the way through a bastion', () => {
  test('ssh jumps by the written names, knows both ends, servers made later too, and believes no false key', async () => {
    await using home = await makeHome();
    await using inside = await makeEnd(home, 'inside');
    await using bastion = await makeEnd(home, 'bastion', (name) => (/^server-\d+$/u.test(name) ? inside.port : undefined));
    const control = new MemoryControl();
    control.servers.set(7, serverOf(7, { ports: [], admin: 'root2', name: 'web' }));
    control.hostKey = inside.publicKey;
    control.bastion = { host: '127.0.0.1', port: bastion.port, hostKeys: [bastion.publicKey] };
    await using served = await serveControl(control);
    const key = makeKey(home, 'key');
    const env = { MYSERVER_URL: served.url };
    const made = await home.run(['ssh-config', '--write', '--password-stdin'], { env, input: 'right horse\n' });
    assert.deepEqual([made.code, made.error], [0, '']);
    // The person's own key has to be known to the jump as well, which has no -i of its own.
    const config = join(home.dir, '.ssh', 'config');
    await writeFile(config, `${await readFile(config, 'utf8')}IdentityFile ${key}\nIdentitiesOnly yes\n`);
    const ssh = async (name: string) =>
      await runProcess(['ssh', '-F', config, '-o', 'BatchMode=yes', name, 'x'], { env: { ...home.env, SSH_AUTH_SOCK: '' } });

    for (const name of ['server-7', '7', 'web']) assert.deepEqual(await ssh(name), { exitCode: 0, stdout: 'inside\n', stderr: '' }, name);
    assert.deepEqual([new Set(bastion.users), new Set(inside.users)], [new Set(['jbond007']), new Set(['root2'])]);
    assert.deepEqual(await ssh('myserver-gateway'), { exitCode: 0, stdout: 'bastion\n', stderr: '' });
    control.servers.set(8, serverOf(8));
    assert.deepEqual(await ssh('server-8'), { exitCode: 0, stdout: 'inside\n', stderr: '' });
    assert.equal(inside.users.at(-1), 'jbond007');

    control.hostKey = bastion.publicKey;
    const refused = await ssh('server-7');
    assert.deepEqual([refused.exitCode, refused.stdout], [255, '']);
    assert.match(refused.stderr, /Host key verification failed/u);
  });

  test("PuTTY goes to a server by the bastion's user names and knows the bastion's key alone", async () => {
    await using home = await makeHome();
    await using bastion = await makeEnd(home, 'bastion');
    const control = new MemoryControl();
    control.servers.set(7, serverOf(7, { ports: [] }));
    control.bastion = { host: '127.0.0.1', port: bastion.port, hostKeys: [bastion.publicKey] };
    await using served = await serveControl(control);
    const ppk = join(home.dir, 'key.ppk');
    execFileSync('puttygen', [makeKey(home, 'key'), '-O', 'private', '-o', ppk]);
    const made = await home.run(['ssh-config', '--putty-unix', '--url', served.url, '--password-stdin'], { input: 'right horse\n' });
    assert.deepEqual([made.code, made.error], [0, '']);
    const ran = await runProcess(['plink', '-batch', '-i', ppk, '-load', 'server-7', 'x'], { env: { ...home.env }, timeoutMs: 20_000 });
    assert.deepEqual([ran.exitCode, ran.stdout], [0, 'bastion\n'], ran.stderr);
    assert.deepEqual(new Set(bastion.users), new Set(['jbond007+7']));
  });
});
