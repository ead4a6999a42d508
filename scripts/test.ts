/**
 * `./test`: installs what the tests need, checks types and style, builds the images once, and runs every test that can break daily. `./test --long` adds
 * the long ones (every crash point, faults among creates and drops, fuzzing, load). `./test PATH...` runs only those files.
 */
import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '../src/base/fault.ts';
import { systemClock } from '../src/base/clock.ts';
import { createImageBuilder } from '../src/host/image/build.ts';
import { type Recipe, recipeOf, systemOfCodename } from '../src/host/image/recipe.ts';
import { kernelLimits, raiseKernelLimits, readSetting, writeSetting } from '../src/host/kernel-limits.ts';
import { packagesStep, readRelease } from '../src/host/packages.ts';
import { runProgram, tryProgram } from '../src/host/program.ts';

const root = join(import.meta.dirname, '..');
/** Outside the checkout, so that the next run on this machine is quicker; `./test` makes it and can do without. */
const cache = '/var/cache/myserver-test';
const types = ['minimal', 'web'];
/** Clients that tests drive. */
const dailyClients = [
  'openssh-client',
  'openssh-sftp-server',
  'xauth',
  'curl',
  'rsync',
  'putty-tools',
  'bash-completion',
  'busybox-static',
  'zsh',
  'fish',
  'patch',
  'ssh-audit',
  'dropbear-bin',
  'python3-paramiko',
  'python3-asyncssh',
  'git',
  'sshfs',
  'pebble',
  'chromium',
];
/** The network of a machine that `./up` is run on whole, and what code-server's modules are built with. */
const longClients = ['slirp4netns', 'libkrb5-dev'];

const help = `sudo ./test              everything that can break daily
sudo ./test --long       and the long tests: every crash point, faults, fuzzing, load
sudo ./test FILE...      only these test files
`;

function say(text: string): void {
  process.stdout.write(`\n== ${text} (${Math.round(performance.now() / 1000)} s)\n`);
}

/** Output goes straight to ours. */
async function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<boolean> {
  const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] });
  const { promise, resolve } = Promise.withResolvers<boolean>();
  child.once('error', () => resolve(false));
  child.once('exit', (code) => resolve(code === 0));
  return await promise;
}

async function installPackages(clients: readonly string[], signal: AbortSignal): Promise<void> {
  const step = packagesStep();
  const missing = await step.check(signal);
  if (missing !== undefined) {
    say(`installing ${missing}`);
    await step.apply(signal);
  }
  const lacking = (await tryProgram(['dpkg-query', '--show', '--showformat', '${Package} ${db:Status-Status}\n', ...clients])).stdout;
  const wanted = clients.filter((name) => !lacking.includes(`${name} installed`));
  if (wanted.length === 0) return;
  say(`installing ${wanted.join(' ')}`);
  const install = ['apt-get', '-y', '-q', 'install', '--no-install-recommends', ...wanted];
  await runProgram(install, { timeoutMs: 600_000, env: { DEBIAN_FRONTEND: 'noninteractive' } });
}

async function check(): Promise<boolean> {
  say('types and style');
  const bin = (name: string) => join(root, 'node_modules/.bin', name);
  const results = [
    await run(bin('tsc'), ['-p', 'tsconfig.json']),
    await run(bin('tsc'), ['-p', 'tsconfig.portable.json']),
    await run(bin('tsc'), ['-p', 'tsconfig.web.json']),
    await run(bin('oxlint'), ['--type-aware', '--quiet']),
    await run(bin('oxfmt'), ['--check', '.']),
    await run(bin('knip'), ['--no-progress']),
  ];
  return results.every(Boolean);
}

/** The images of this host's own system, under the name that all tests use for it. Built again only when their recipe changed. */
async function images(signal: AbortSignal): Promise<string> {
  const { codename } = await readRelease();
  const system = systemOfCodename(codename);
  if (system === undefined) throw new Error(`no image can be built on a system with the codename "${codename}"`);
  const recipes = types.map((type) => recipeOf(system.name, type));
  const dir = join(cache, 'images');
  const stamp = join(dir, 'built-from');
  const version = recipes.map((recipe) => recipe.version).join(' ');
  if ((await readFile(stamp, 'utf8').catch(() => '')) !== version) await build(recipes, dir, signal);
  await writeFile(stamp, version);
  for (const type of types) {
    const built = join(dir, `${system.name}-${type}`);
    await link(join(built, 'metadata.tar.gz'), join(dir, `debian12-${type}.meta.tar.gz`));
    await link(join(built, 'rootfs.squashfs'), join(dir, `debian12-${type}.squashfs`));
  }
  return dir;
}

async function build(recipes: readonly Recipe[], dir: string, signal: AbortSignal): Promise<void> {
  say('building the images');
  await mkdir(dir, { recursive: true });
  let last = '';
  const builder = createImageBuilder({
    outDir: dir,
    workDir: join(cache, 'build'),
    cacheDir: join(cache, 'packages'),
    clock: systemClock,
  });
  await builder.build({
    recipes,
    signal,
    onProgress({ step, fraction }) {
      if (step !== last) process.stdout.write(`   ${Math.round(fraction * 100)} % ${step}\n`);
      last = step;
    },
  });
}

async function link(target: string, path: string): Promise<void> {
  await rm(path, { force: true });
  await symlink(target, path);
}

/** The kernel's limits are raised for the tests and put back afterwards, whatever happens. */
async function withKernelLimits<T>(work: () => Promise<T>): Promise<T> {
  const before = await Promise.all(Object.keys(kernelLimits).map(async (key) => [key, await readSetting(key)] as const));
  await raiseKernelLimits();
  try {
    return await work();
  } finally {
    for (const [key, value] of before) if (value !== undefined) await writeSetting(key, value);
  }
}

async function main(): Promise<boolean> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { long: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help === true) {
    process.stdout.write(help);
    return true;
  }
  const signal = new AbortController().signal;
  await installPackages(values.long === true ? [...dailyClients, ...longClients] : dailyClients, signal);
  const isGood = positionals.length > 0 || (await check());
  const dir = await images(signal);
  const files = positionals.length > 0 ? positionals : globSync(['src/**/*.test.ts', 'e2e/**/*.test.ts'], { cwd: root }).toSorted();
  say(`${files.length} test files`);
  const env = { ...process.env, MYSERVER_TEST_IMAGES: dir, ...(values.long === true ? { MYSERVER_TEST_LONG: '1' } : {}) };
  const args = ['--disable-warning=ExperimentalWarning', '--test', '--test-concurrency=2', '--test-reporter=spec', ...files];
  const hasPassed = await withKernelLimits(async () => await run(process.execPath, args, env));
  if (!isGood) process.stdout.write('\nThe checks of types and style failed; see above.\n');
  say(hasPassed && isGood ? 'passed' : 'FAILED');
  return hasPassed && isGood;
}

try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  process.stderr.write(`test: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
