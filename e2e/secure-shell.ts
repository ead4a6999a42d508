/** OpenSSH on the machine outside: nothing of this machine's own configuration, keys or known hosts takes part. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Ran, RunOptions } from '../src/testing/run-process.ts';
import { testBases, type TestInstallation } from '../src/testing/test-installation.ts';
import { localUrl } from './person.ts';

export interface KeyPair {
  /** The private half, in OpenSSH's format. */
  readonly path: string;
  readonly publicPath: string;
}

export async function makeKeyPair(installation: TestInstallation, name: string, ...options: string[]): Promise<KeyPair> {
  const path = join(installation.engine.dir, name);
  const type = options.length === 0 ? ['-t', 'ed25519'] : options;
  const made = await installation.run('host', ['ssh-keygen', '-q', '-N', '', '-C', name, '-f', path, ...type]);
  assert.equal(made.exitCode, 0, made.stderr);
  return { path, publicPath: `${path}.pub` };
}

/** The published host keys as a file for OpenSSH. Only fetched over the local door: nobody needs a password for it. */
export async function publishedHostKeys(installation: TestInstallation, name = 'known_hosts'): Promise<string> {
  const path = join(installation.engine.dir, name);
  const fetched = await installation.run('host', ['curl', '-sSf', `${localUrl}/.well-known/myserver/known_hosts`]);
  assert.equal(fetched.exitCode, 0, fetched.stderr);
  await writeFile(path, fetched.stdout);
  return path;
}

interface SshOptions {
  /** Undefined: password logins only. */
  readonly key?: KeyPair | undefined;
  readonly knownHosts: string;
}

/** For ssh, scp and sftp alike: what cannot be verified is refused, nothing is asked but a password. */
export function sshOptions({ key, knownHosts }: SshOptions): readonly string[] {
  const login = key === undefined ? ['PubkeyAuthentication=no', 'NumberOfPasswordPrompts=1'] : ['BatchMode=yes', 'IdentitiesOnly=yes'];
  const trust = [`UserKnownHostsFile=${knownHosts}`, 'GlobalKnownHostsFile=none', 'StrictHostKeyChecking=yes', 'ConnectTimeout=10'];
  return ['-F', 'none', ...(key === undefined ? [] : ['-i', key.path]), ...[...login, ...trust].flatMap((option) => ['-o', option])];
}

export interface Shell {
  readonly port: number;
  /** `ssh` with these words after the host. */
  argv(...words: readonly string[]): readonly string[];
  run(words: readonly string[], options?: RunOptions): Promise<Ran>;
  /** Its standard output; fails unless it exits 0 with nothing on the error side. */
  ok(...words: readonly string[]): Promise<string>;
}

/** Logs in from the machine outside to server `id`. */
export function shellOf(installation: TestInstallation, id: number, user: string, options: SshOptions): Shell {
  const port = testBases.ssh + id;
  const argv = (...words: readonly string[]) => [
    'ssh',
    ...sshOptions(options),
    '-p',
    String(port),
    `${user}@${installation.engine.publicAddress}`,
    ...words,
  ];
  const run = async (words: readonly string[], more: RunOptions = {}) =>
    await installation.run('client', argv(...words), { env: { ...process.env, SSH_AUTH_SOCK: '' }, ...more });
  return {
    port,
    argv,
    run,
    async ok(...words) {
      const ran = await run(words);
      assert.deepEqual([ran.exitCode, ran.stderr], [0, ''], `ssh to ${id}: ${words.join(' ')}\n${ran.stdout}`);
      return ran.stdout;
    },
  };
}
