/** What a server made from a built image must be, tried on a real one: a boot, and real clients. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLog } from '../../base/log.ts';
import { Secret } from '../../base/secret.ts';
import { systemClock } from '../../base/clock.ts';
import { parseGeneration, parseServerId } from '../../core/ids.ts';
import { parsePersonName } from '../../core/names.ts';
import { provisionFiles, skeletonNames } from '../../core/provision.ts';
import { defaultLimits } from '../../core/server.ts';
import { makeIncusEngine, type IncusEngine } from '../../engines/incus/incus-engine.ts';
import { makeTestEngine, type TestEngine } from '../../testing/test-engine.ts';
import { hashPassword } from '../password-hash.ts';
import { runProgram, tryProgram } from '../program.ts';
import { createImageBuilder } from './build.ts';
import type { BuiltImage } from './builder.ts';
import { recipeOf, systemOfCodename } from './recipe.ts';

/** A directory where an image builder has built the host's own release as `minimal` and `web` already. */
const builtDir = process.env['MYSERVER_TEST_IMAGES'];
const isLong = process.env['MYSERVER_TEST_LONG'] === '1';
const skip =
  builtDir === undefined && !isLong
    ? 'no images: set MYSERVER_TEST_IMAGES to a directory of built ones, or MYSERVER_TEST_LONG=1 to build them here (a minute)'
    : false;

const oneTimePassword = 'k7rm-9xwq-pf3t-d2hz';
const newPassword = 'Zuversicht-und-7-Pfannkuchen';
const generation = parseGeneration('11111111-2222-4333-8444-555555555555');

interface Machine {
  readonly test: TestEngine;
  readonly engine: IncusEngine;
  readonly dir: string;
  readonly name: string;
  readonly address: string;
}

async function hostSystem(): Promise<string> {
  const codename = /^VERSION_CODENAME=(.*)$/mu.exec(await readFile('/etc/os-release', 'utf8'))?.[1] ?? '';
  const system = systemOfCodename(codename);
  assert.ok(system, `no recipe for this host's release "${codename}"`);
  return system.name;
}

async function imageFiles(dir: string): Promise<Pick<BuiltImage, 'metadataPath' | 'rootfsPath' | 'system'>> {
  const system = await hostSystem();
  const outDir = builtDir ?? join(dir, 'images');
  if (builtDir === undefined) {
    const builder = createImageBuilder({ outDir, workDir: join(dir, 'work'), clock: systemClock });
    const recipes = [recipeOf(system, 'minimal'), recipeOf(system, 'web')];
    await builder.build({ recipes, signal: AbortSignal.timeout(600_000), onProgress: () => {} });
  }
  const image = join(outDir, `${system}-web`);
  return { system, metadataPath: join(image, 'metadata.tar.gz'), rootfsPath: join(image, 'rootfs.squashfs') };
}

/** A running server of type `web`, which is `minimal` and nginx, with the person `jbond007` in it. */
async function makeMachine(stack: AsyncDisposableStack): Promise<Machine> {
  const testEngine = stack.use(await makeTestEngine());
  const dir = await mkdtemp(join(tmpdir(), 'myserver-boot-'));
  stack.defer(() => rm(dir, { recursive: true }));
  const { socket, project, pool, bridge, enter } = testEngine;
  const engine = stack.use(await makeIncusEngine({ socket, project, pool, network: bridge, log: silentLog, enter }));
  const recipe = 'r1';
  const image = await engine.images.import({ ...(await imageFiles(dir)), type: 'web', recipe });
  const [name, address] = [`${testEngine.name}-web`, '10.77.11.123'];
  const tags = { installation: 'test', generation, id: parseServerId(123) };
  await engine.create({ name, tags, image: image.reference, limits: defaultLimits, maxProcesses: 500, address });
  await provision({ engine, name, dir });
  await engine.start(name);
  const machine = { test: testEngine, engine, dir, name, address };
  await untilSshAnswers(machine);
  return machine;
}

async function provision({ engine, name, dir }: Pick<Machine, 'engine' | 'name' | 'dir'>): Promise<void> {
  const read = async (path: string) => (await engine.readFile(name, path)) ?? assert.fail(`no ${path}`);
  for (const key of ['host', 'person']) await runProgram(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', key, '-f', join(dir, key)]);
  const text = (file: string) => readFile(join(dir, file), 'utf8');
  const skeleton: Record<string, string> = {};
  for (const file of skeletonNames) skeleton[file] = await read(`/etc/skel/${file}`);
  const files = provisionFiles({
    passwd: await read('/etc/passwd'),
    group: await read('/etc/group'),
    shadow: await read('/etc/shadow'),
    gshadow: await read('/etc/gshadow'),
    admin: {
      name: parsePersonName('jbond007'),
      passwordHash: await hashPassword(new Secret(oneTimePassword)),
      mustChange: true,
      sudo: true,
    },
    hostname: 'server-123',
    hostKey: { privateKey: await text('host'), publicKey: await text('host.pub') },
    authorizedKeys: [await text('person.pub')],
    skeleton,
  });
  await engine.pushFiles(name, files);
}

function sshOptions({ dir }: Machine, isKeyUsed: boolean): readonly string[] {
  const options = [
    `UserKnownHostsFile=${dir}/known_hosts`,
    'StrictHostKeyChecking=yes',
    'ConnectTimeout=5',
    'LogLevel=ERROR',
    'IdentitiesOnly=yes',
  ];
  const login = isKeyUsed ? [`IdentityFile=${dir}/person`, 'BatchMode=yes'] : ['PubkeyAuthentication=no', 'NumberOfPasswordPrompts=1'];
  return [...options, ...login].flatMap((option) => ['-o', option]);
}

async function untilSshAnswers(machine: Machine): Promise<void> {
  const key = (await readFile(join(machine.dir, 'host.pub'), 'utf8')).split(' ').slice(0, 2).join(' ');
  await writeFile(join(machine.dir, 'known_hosts'), `${machine.address} ${key}\n`);
  const deadline = Date.now() + 30_000;
  const login = () => tryProgram([...machine.test.enter, 'ssh', ...sshOptions(machine, true), `jbond007@${machine.address}`, 'true']);
  for (let result = await login(); result.exitCode !== 0; result = await login()) {
    assert.ok(Date.now() < deadline, `no login by key: ${result.stderr}`);
    await sleep(50);
  }
}

/** Environment that makes ssh take the password from a program, so that no terminal is needed. */
async function passwordEnv({ dir }: Machine, password: string): Promise<Record<string, string>> {
  const program = join(dir, 'askpass');
  await writeFile(program, '#!/bin/sh\necho "$ASKED_PASSWORD"\n', { mode: 0o700 });
  return { SSH_ASKPASS: program, SSH_ASKPASS_REQUIRE: 'force', ASKED_PASSWORD: password };
}

/** An interactive login by password: answers each prompt when it comes. Gives all that was shown. */
async function dialogue(
  machine: Machine,
  password: string,
  answers: readonly (readonly [prompt: RegExp, answer: string])[],
): Promise<string> {
  const [enter = '', ...rest] = machine.test.enter;
  const argv = [...rest, 'ssh', '-tt', ...sshOptions(machine, false), `jbond007@${machine.address}`];
  const env = { ...process.env, ...(await passwordEnv(machine, password)) };
  const child = spawn(enter, argv, { env, stdio: ['pipe', 'pipe', 'inherit'], timeout: 30_000 });
  let shown = '';
  let answered = 0;
  let from = 0;
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    shown += chunk;
    const next = answers[answered];
    if (next === undefined || !next[0].test(shown.slice(from))) return;
    answered += 1;
    from = shown.length;
    child.stdin.write(`${next[1]}\n`);
  });
  await once(child, 'close');
  return shown;
}

suite('a server made from a built image', { skip }, () => {
  const stack = new AsyncDisposableStack();
  let machine: Machine;
  before(async () => {
    machine = await makeMachine(stack);
  });
  after(() => stack.disposeAsync());

  const inside = async (script: string) => (await machine.engine.run(machine.name, ['sh', '-c', script])).stdout.trim();
  const ssh = (isKeyUsed: boolean, command: string) => [
    ...machine.test.enter,
    'ssh',
    ...sshOptions(machine, isKeyUsed),
    `jbond007@${machine.address}`,
    command,
  ];

  test('the boot comes to its end with no failed unit', async () => {
    assert.equal(await inside('timeout 30 systemctl is-system-running --wait; systemctl --failed --no-legend'), 'running');
  });

  test('the image holds no machine ID, host name, host key or user of anybody', async () => {
    const [id, users] = [await inside('cat /etc/machine-id'), await inside("awk -F: '$3 >= 1000 && $3 < 60000 { print $1 }' /etc/passwd")];
    assert.match(id, /^[\da-f]{32}$/u);
    assert.equal(users, 'jbond007');
    assert.equal(await inside('cd /etc/ssh && ls ssh_host_*'), 'ssh_host_ed25519_key\nssh_host_ed25519_key.pub');
    assert.equal(await inside('hostname; cat /etc/hostname'), 'server-123\nserver-123');
  });

  test('ssh by key reaches a home of one’s own with the shell’s usual files, and sudo', async () => {
    const command = 'id -un; id -Gn; pwd; stat -c %a . .ssh/authorized_keys; ls -A; getent hosts "$(hostname)"';
    const lines = (await runProgram(ssh(true, command))).trim().split('\n');
    assert.deepEqual(lines.slice(0, 5), ['jbond007', 'jbond007 sudo', '/home/jbond007', '700', '600']);
    for (const file of skeletonNames) assert.ok(lines.includes(file), file);
    assert.match(lines.at(-1) ?? '', /^127\.0\.1\.1\s+server-123/u);
  });

  test('scp, sftp and rsync by key work while the one-time password is unused', async () => {
    const { dir, address, test: testEngine } = machine;
    await mkdir(join(dir, 'give'));
    await writeFile(join(dir, 'give/file'), 'content');
    const person = `jbond007@${address}`;
    const options = sshOptions(machine, true);
    const { enter } = testEngine;
    for (const argv of [
      ['scp', ...options, join(dir, 'give/file'), `${person}:scp`],
      ['scp', '-O', ...options, join(dir, 'give/file'), `${person}:old-scp`],
      ['rsync', '-a', '-e', `ssh ${options.join(' ')}`, join(dir, 'give/file'), `${person}:rsync`],
    ]) {
      const { exitCode, stderr } = await tryProgram([...enter, ...argv]);
      assert.deepEqual([exitCode, stderr], [0, ''], argv[0]);
    }
    await writeFile(join(dir, 'batch'), `put ${join(dir, 'give/file')} sftp\n`);
    await runProgram([...enter, 'sftp', ...options, '-b', join(dir, 'batch'), person]);
    assert.equal(await inside('cd /home/jbond007 && cat scp old-scp rsync sftp'), 'content'.repeat(4));
  });

  test('ssh by password asks for a new one at the first login and takes it at the next', async () => {
    const refused = await tryProgram(ssh(false, 'true'), { env: await passwordEnv(machine, oneTimePassword) });
    assert.notEqual(refused.exitCode, 0);
    const shown = await dialogue(machine, oneTimePassword, [
      [/current password:/iu, oneTimePassword],
      [/new password:/iu, newPassword],
      [/new password:/iu, newPassword],
    ]);
    assert.match(shown, /password updated successfully/u);
    const env = await passwordEnv(machine, newPassword);
    assert.equal(await runProgram(ssh(false, `echo ${newPassword} | sudo -S -p "" id -un`), { env }), 'root\n');
    assert.notEqual((await tryProgram(ssh(false, 'true'), { env: await passwordEnv(machine, oneTimePassword) })).exitCode, 0);
  });

  test('ssh as root by password is refused, whatever the password', async () => {
    await inside(`echo root:${newPassword} | chpasswd`);
    const argv = [...machine.test.enter, 'ssh', ...sshOptions(machine, false), `root@${machine.address}`, 'true'];
    assert.match((await tryProgram(argv, { env: await passwordEnv(machine, newPassword) })).stderr, /Permission denied/u);
  });

  test('nginx answers on 80 with a page that names the server, until its owner has a page', async () => {
    const fetch = () => runProgram([...machine.test.enter, 'curl', '-sS', '--max-time', '5', `http://${machine.address}/`]);
    assert.match(await fetch(), /<h1>server-123<\/h1>/u);
    await inside('echo mine >/var/www/html/index.html');
    assert.equal(await fetch(), 'mine\n');
  });

  test('/etc/resolv.conf says what DHCP said, and ping works without root', async () => {
    assert.match(await inside('cat /etc/resolv.conf'), new RegExp(`^nameserver ${machine.test.hostAddress}$`, 'mu'));
    await runProgram(ssh(true, `ping -c 1 -W 5 ${machine.test.hostAddress}`));
  });

  test('apt inside asks where the host’s own apt asks', async () => {
    const hostUris = await runProgram(['apt-get', 'indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages']);
    const uris = (await inside("apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages'")).split('\n');
    assert.ok(uris.length > 0);
    for (const uri of uris) assert.ok(hostUris.includes(uri), uri);
    assert.equal(await inside('test -e /etc/dpkg/dpkg.cfg.d/zz-image-build || echo none'), 'none');
  });
});

suite('building an image', { skip: isLong ? false : 'builds for a minute from the network: MYSERVER_TEST_LONG=1' }, () => {
  test('ImageBuilder.build leaves nothing behind after an abort at any moment, and builds afterwards', async () => {
    await using stack = new AsyncDisposableStack();
    const dir = await mkdtemp(join(tmpdir(), 'myserver-build-'));
    stack.defer(() => rm(dir, { recursive: true }));
    const places = { outDir: join(dir, 'out'), workDir: join(dir, 'work'), cacheDir: join(dir, 'cache'), clock: systemClock };
    const builder = createImageBuilder(places);
    const recipes = [recipeOf(await hostSystem(), 'minimal')];
    for (const at of [0.01, 0.2, 0.5, 0.9]) {
      const controller = new AbortController();
      const onProgress = ({ fraction }: { fraction: number }) => {
        if (fraction >= at) controller.abort();
      };
      await assert.rejects(builder.build({ recipes, signal: controller.signal, onProgress }), { code: 'cancelled' }, String(at));
      assert.deepEqual([await readdir(places.outDir), await readdir(places.workDir)], [[], []]);
      assert.ok(!(await readFile('/proc/self/mountinfo', 'utf8')).includes(dir));
    }
    const [image] = await builder.build({ recipes, signal: AbortSignal.timeout(600_000), onProgress: () => {} });
    const sums = await runProgram(['sh', '-c', 'cat "$1" "$2" | sha256sum', 'sh', image?.metadataPath ?? '', image?.rootfsPath ?? '']);
    assert.equal(sums.split(' ')[0], image?.fingerprint);
  });
});
