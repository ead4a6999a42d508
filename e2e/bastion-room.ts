/** An installation with its bastion and people who go through it with OpenSSH, from the machine outside. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ran, RunOptions } from '../src/testing/run-process.ts';
import { gatewayConfig, makeTestGateway, type TestGateway } from '../src/testing/test-gateway.ts';
import { makeTestInstallation, type TestInstallation, type TestInstallationOptions } from '../src/testing/test-installation.ts';
import { addPerson, type Person } from './person.ts';
import { type KeyPair, makeKeyPair } from './secure-shell.ts';

export interface BastionRoom extends AsyncDisposable {
  readonly installation: TestInstallation;
  readonly gateway: TestGateway;
  /** The bastion's address, as people know it. */
  readonly host: string;
  /** Signed up, with a key that their account holds. */
  person(name: string, ...options: string[]): Promise<Visitor>;
}

export interface SshOptions extends RunOptions {
  /** Words before the address: `-L`, `-t`. */
  readonly options?: readonly string[];
  readonly program?: string;
}

export interface Visitor extends Person {
  readonly key: KeyPair;
  /** Options of OpenSSH that trust the bastion's true key and show this person's own. */
  readonly trust: readonly string[];
  /** `ssh OPTIONS user@bastion WORDS`. Never throws for an exit code. */
  ssh(user: string, words?: readonly string[], options?: SshOptions): Promise<Ran>;
  /** The same; its output, and the test fails unless it exits 0. */
  sshOk(user: string, words?: readonly string[], options?: SshOptions): Promise<string>;
  /** The words of that `ssh`, for what starts it otherwise. */
  argv(user: string, words?: readonly string[], options?: readonly string[]): readonly string[];
  /** In the background until disposed of, for forwards (`-N`). */
  background(user: string, options: readonly string[], words?: readonly string[]): Background;
  /** The same identity with a password typed by a program (SSH_ASKPASS), and no key. */
  byPassword(user: string, password: string, words: readonly string[], options?: readonly string[]): Promise<Ran>;
}

export interface Background extends AsyncDisposable {
  readonly child: ChildProcess;
  errors(): string;
  output(): string;
}

export async function makeBastionRoom(options: TestInstallationOptions = {}): Promise<BastionRoom> {
  await using undo = new AsyncDisposableStack();
  const config = { ...gatewayConfig, ...options.config, bastion: { ...gatewayConfig.bastion, ...options.config?.['bastion'] } };
  const installation = undo.use(await makeTestInstallation({ ...options, config }));
  const gateway = undo.use(await makeTestGateway(installation));
  const host = installation.engine.publicAddress;
  const knownHosts = join(installation.engine.dir, 'known_bastion');
  const scan = await installation.run('client', ['ssh-keyscan', '-t', 'ed25519', host]);
  assert.match(scan.stdout, /ssh-ed25519/u, scan.stderr);
  await writeFile(knownHosts, scan.stdout);
  const kept = undo.move();
  return {
    installation,
    gateway,
    host,
    person: async (name, ...more) => await makeVisitor(installation, knownHosts, name, more),
    [Symbol.asyncDispose]: async () => await kept.disposeAsync(),
  };
}

async function makeVisitor(installation: TestInstallation, knownHosts: string, name: string, more: readonly string[]): Promise<Visitor> {
  const [person, key] = await Promise.all([addPerson(installation, name, ...more), makeKeyPair(installation, `key-${name}`)]);
  await person.ok('key', 'add', key.publicPath);
  const host = installation.engine.publicAddress;
  const common = [
    '-F',
    'none',
    ...optionsOf({ UserKnownHostsFile: knownHosts, GlobalKnownHostsFile: 'none', StrictHostKeyChecking: 'yes', ConnectTimeout: '10' }),
  ];
  const trust = [...common, '-i', key.path, ...optionsOf({ IdentitiesOnly: 'yes', BatchMode: 'yes' })];
  const env = { ...process.env, SSH_AUTH_SOCK: '', LC_ALL: 'C.UTF-8' };
  const argv = (user: string, words: readonly string[] = [], options: readonly string[] = [], program = 'ssh') => [
    program,
    // The first of two holds.
    ...options,
    ...trust,
    `${user}@${host}`,
    ...words,
  ];
  const ssh: Visitor['ssh'] = async (user, words, { options = [], program, ...run } = {}) =>
    await installation.run('client', argv(user, words, options, program), { env, ...run });
  return {
    ...person,
    key,
    trust,
    ssh,
    argv,
    async sshOk(user, words, options) {
      const ran = await ssh(user, words, options);
      assert.equal(ran.exitCode, 0, `ssh ${user}@bastion ${words?.join(' ') ?? ''}\n${ran.stderr}${ran.stdout}`);
      return ran.stdout;
    },
    background(user, options, words = []) {
      const [program = '', ...args] = [...installation.engine.enterClient, ...argv(user, words, options)];
      const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
      const texts = { errors: '', output: '' };
      child.stderr.setEncoding('utf8').on('data', (text: string) => void (texts.errors += text));
      child.stdout.setEncoding('utf8').on('data', (text: string) => void (texts.output += text));
      child.stdin.on('error', () => {});
      return {
        child,
        errors: () => texts.errors,
        output: () => texts.output,
        async [Symbol.asyncDispose]() {
          if (child.exitCode !== null || child.signalCode !== null) return;
          child.kill('SIGKILL');
          await once(child, 'close');
        },
      };
    },
    async byPassword(user, password, words, options = []) {
      const askpass = join(person.home, 'askpass');
      await writeFile(askpass, '#!/bin/sh\nprintf "%s\\n" "$THE_PASSWORD"\n');
      await chmod(askpass, 0o700);
      const login = optionsOf({ PubkeyAuthentication: 'no', NumberOfPasswordPrompts: '1' });
      return await installation.run('client', ['ssh', ...common, ...login, ...options, `${user}@${host}`, ...words], {
        env: { ...env, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force', THE_PASSWORD: password },
      });
    },
  };
}

function optionsOf(options: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

/** Asks again until it is so. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>, withinMs = 15_000): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`waited ${withinMs / 1000} s in vain for ${what}`);
    await sleep(50);
  }
}

/** Something listens on the machine outside at that port. */
export async function untilListening(installation: TestInstallation, port: number, where: 'client' | 'host' = 'client'): Promise<void> {
  await until(`a listener at ${port}`, async () => (await installation.run(where, ['ss', '-Htln', `sport = :${port}`])).stdout !== '');
}
