/** The real program as a child process, with a home and a run directory of its own. */
import { spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('main.ts', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly error: string;
}

interface SpawnOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Sends SIGINT as soon as the error side has this. */
  readonly interruptAt?: RegExp;
}

export interface Home extends AsyncDisposable {
  readonly dir: string;
  readonly rootSocket: string;
  readonly env: Readonly<Record<string, string>>;
  run(argv: readonly string[], options?: SpawnOptions): Promise<Ended>;
  /** `program` on a terminal of its own (util-linux script); each answer is typed when its pattern has appeared. Both sides come as `output`. */
  type(argv: readonly string[], answers: readonly (readonly [RegExp, string])[], env?: Readonly<Record<string, string>>): Promise<Ended>;
  /** Puts a program before all others on the PATH. */
  addProgram(name: string, text: string): Promise<void>;
}

export async function makeHome(): Promise<Home> {
  const dir = await mkdtemp(path.join(tmpdir(), 'myserver-cli-'));
  const bin = path.join(dir, 'bin');
  await mkdir(bin);
  await mkdir(path.join(dir, 'run'));
  const env = {
    PATH: `${bin}:${process.env['PATH'] ?? ''}`,
    HOME: dir,
    USER: 'jbond007',
    TERM: 'xterm',
    MYSERVER_RUN_DIR: path.join(dir, 'run'),
    NODE_OPTIONS: '',
  };
  const addProgram = async (name: string, text: string) => {
    await writeFile(path.join(bin, name), text);
    await chmod(path.join(bin, name), 0o755);
  };
  await addProgram('myserver', `#!/bin/sh\nexec ${quote(process.execPath)} ${quote(main)} "$@"\n`);
  return {
    dir,
    env,
    rootSocket: path.join(dir, 'run', 'root.sock'),
    addProgram,
    run: (argv, options = {}) => run('myserver', argv, { ...env, ...options.env }, options),
    type: (argv, answers, more = {}) =>
      typeInto(['script', '-qec', argv.map((word) => quote(word)).join(' '), '/dev/null'], { ...env, ...more }, answers),
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
}

function quote(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

function run(program: string, argv: readonly string[], env: NodeJS.ProcessEnv, { input = '', interruptAt }: SpawnOptions): Promise<Ended> {
  const child = spawn(program, argv, { env });
  let [output, error] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    error += text;
    if (interruptAt?.test(error) === true) child.kill('SIGINT');
  });
  child.stdin.on('error', () => {}).end(input);
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code) => resolve({ code, output, error }));
  });
}

function typeInto(
  [program = '', ...argv]: readonly string[],
  env: NodeJS.ProcessEnv,
  answers: readonly (readonly [RegExp, string])[],
): Promise<Ended> {
  const child = spawn(program, argv, { env });
  const waiting = [...answers];
  let output = '';
  let seenTo = 0;
  const answer = () => {
    const [next] = waiting;
    if (next === undefined || !next[0].test(output.slice(seenTo))) return;
    waiting.shift();
    seenTo = output.length;
    child.stdin.write(next[1]);
  };
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      answer();
    });
  answer();
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code) => resolve({ code, output, error: '' }));
  });
}
