/** A person who uses an installation as people do: with a name and a password over the local door, from a home directory of their own. */
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Ran, RunOptions } from '../src/testing/run-process.ts';
import type { TestInstallation } from '../src/testing/test-installation.ts';

export const localUrl = 'http://127.0.0.1:9440';

export interface Person {
  readonly name: string;
  /** The one they chose. */
  readonly password: string;
  readonly home: string;
  /** Their command line on the host, signed in. Never throws for an exit code. */
  myserver(args: readonly string[], options?: Omit<RunOptions, 'env'>): Promise<Ran>;
  /** The same, and the test fails unless it exits 0; the standard output. */
  ok(...args: string[]): Promise<string>;
  /** `ok` with `-f json`, parsed. */
  json<T>(...args: string[]): Promise<T>;
}

/** Added by root with a generated password, then signed in and with a password of their own. `options` are those of `user add`. */
export async function addPerson(installation: TestInstallation, name: string, ...options: string[]): Promise<Person> {
  const added = JSON.parse(await installation.ok('user', 'add', name, ...options, '-f', 'json')) as { readonly password: string };
  const password = `three words of ${name} here`;
  const home = join(installation.engine.dir, `home-${name}`);
  await mkdir(home, { mode: 0o700 });
  const NODE_COMPILE_CACHE = join(installation.engine.dir, 'compile-cache');
  const identity = { HOME: home, XDG_CONFIG_HOME: '', MYSERVER_URL: localUrl, MYSERVER_USER: name };
  const env = { ...process.env, ...identity, NODE_COMPILE_CACHE, NO_COLOR: '1' };
  const myserver: Person['myserver'] = async (args, run = {}) => await installation.myserver(args, { ...run, env });
  const must = async (args: readonly string[], input = '') => {
    const ran = await myserver(args, { input });
    assert.equal(ran.exitCode, 0, `${name}: myserver ${args.join(' ')}\n${ran.stderr}${ran.stdout}`);
    return ran.stdout;
  };
  await must(['login', '--password-stdin'], `${added.password}\n`);
  await must(['password', '--password-stdin'], `${added.password}\n${password}\n`);
  return {
    name,
    password,
    home,
    myserver,
    ok: async (...args) => await must(args),
    json: async <T>(...args: string[]) => JSON.parse(await must([...args, '-f', 'json'])) as T,
  };
}
