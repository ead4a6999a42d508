/**
 * Machines for tests of the network: namespaces joined by virtual cables, with real sockets inside. Nothing of them is seen outside, and what a killed
 * run left behind is swept by the next one: names carry the PID of the process that made them.
 */
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';

const runFile = promisify(execFile);

export type AgentOrder =
  | { readonly deed: 'listen'; readonly protocol: 'tcp' | 'udp'; readonly address: string; readonly port: number }
  | { readonly deed: 'seen' }
  | AgentAsk
  | { readonly deed: 'open'; readonly line: number; readonly address: string; readonly port: number; readonly from: string | undefined }
  | { readonly deed: 'say'; readonly line: number; readonly text: string; readonly waitMs: number };

interface AgentAsk {
  readonly deed: 'ask';
  readonly protocol: 'tcp' | 'udp';
  readonly address: string;
  readonly port: number;
  readonly from: string | undefined;
  readonly waitMs: number;
}

export interface AgentAnswer {
  readonly number: number;
  readonly text: string;
}

interface AskOptions {
  readonly protocol?: 'tcp' | 'udp';
  /** Own address to ask from. */
  readonly from?: string;
  /** How long silence is waited for: long where an answer is expected, for it costs nothing then. */
  readonly waitMs?: number;
}

/** An open TCP connection. */
interface Line {
  /** The echo of `text`; `refused` when the connection was reset, `silent` when nothing came, `closed` when it was over before. */
  say(text: string, waitMs?: number): Promise<string>;
}

export interface Machine {
  readonly name: string;
  /** Words before a program that run it in this machine's network. */
  readonly enter: readonly string[];
  /** Runs a program in this machine's network; its output. Throws when it fails. */
  run(...argv: readonly string[]): Promise<string>;
  /** Runs lines of shell in this machine's network, each of which must succeed. */
  shell(script: string): Promise<string>;
  /** Answers on a port with `NAME saw ADDRESS` (the address the question came from), then echoes. */
  listen(port: number, options?: { readonly protocol?: 'tcp' | 'udp'; readonly address?: string }): Promise<void>;
  /** The first line of what answers there: `NAME saw ADDRESS`, or `refused`, `silent`, `closed`, or the code of an error. */
  ask(address: string, port: number, options?: AskOptions): Promise<string>;
  open(address: string, port: number, from?: string): Promise<Line>;
  /** Everything that reached what it listens on, answered or not: `udp 8000 from 10.0.0.1`. */
  seen(): Promise<readonly string[]>;
}

export interface Namespaces extends AsyncDisposable {
  machine(name: string): Promise<Machine>;
}

const prefix = 'msn';
const directory = '/run/netns';
const agentPath = fileURLToPath(new URL('socket-agent.ts', import.meta.url));
/** Long enough for a machine that is busy with other tests. */
const expectedMs = 10_000;
let made = 0;

/** Needs root. */
export async function makeNamespaces(): Promise<Namespaces> {
  await sweep();
  const undo = new AsyncDisposableStack();
  return {
    async machine(name) {
      made += 1;
      const netns = `${prefix}${process.pid}-${made}-${name}`;
      await runFile('ip', ['netns', 'add', netns]);
      undo.defer(async () => {
        await runFile('ip', ['netns', 'del', netns]);
      });
      await runFile('ip', ['-n', netns, 'link', 'set', 'lo', 'up']);
      return makeMachine(name, netns, undo);
    },
    [Symbol.asyncDispose]: () => undo.disposeAsync(),
  };
}

function makeMachine(name: string, netns: string, undo: AsyncDisposableStack): Machine {
  const enter = ['nsenter', `--net=${directory}/${netns}`];
  const run = async (...argv: readonly string[]): Promise<string> => {
    const [file = '', ...rest] = [...enter, ...argv];
    return (await runFile(file, rest)).stdout;
  };
  let agent: ((order: AgentOrder) => Promise<string>) | undefined;
  let lines = 0;
  const tell = (order: AgentOrder): Promise<string> => {
    agent ??= startAgent(name, enter, undo);
    return agent(order);
  };
  return {
    name,
    enter,
    run,
    shell: (script) => run('sh', '-ec', script),
    async listen(port, { protocol = 'tcp', address = '::' } = {}) {
      const answer = await tell({ deed: 'listen', protocol, address, port });
      if (answer !== 'ok') throw new Error(`${name} cannot listen on port ${port}: ${answer}`);
    },
    ask: (address, port, { protocol = 'tcp', from, waitMs = expectedMs } = {}) =>
      tell({ deed: 'ask', protocol, address, port, from, waitMs }),
    seen: async () => (await tell({ deed: 'seen' })).split('\n').filter((line) => line !== ''),
    async open(address, port, from) {
      lines += 1;
      const line = lines;
      const greeting = await tell({ deed: 'open', line, address, port, from });
      if (!greeting.includes(' saw ')) throw new Error(`${name} cannot connect to ${address}:${port}: ${greeting}`);
      return { say: (text, waitMs = expectedMs) => tell({ deed: 'say', line, text, waitMs }) };
    },
  };
}

function startAgent(name: string, enter: readonly string[], undo: AsyncDisposableStack): (order: AgentOrder) => Promise<string> {
  const [file, ...rest] = [...enter, process.execPath, agentPath, name];
  const child = spawn(file, rest, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const waiting = new Map<number, (text: string) => void>();
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => {
      for (const answer of waiting.values()) answer('the agent ended');
      resolve();
    });
  });
  child.on('message', ({ number, text }: AgentAnswer) => {
    waiting.get(number)?.(text);
    waiting.delete(number);
  });
  undo.defer(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  let number = 0;
  return (order) => {
    number += 1;
    const mine = number;
    return new Promise((resolve) => {
      waiting.set(mine, resolve);
      child.send({ number: mine, order });
    });
  };
}

/** Removes the namespaces of processes that are gone. */
async function sweep(): Promise<void> {
  const names = existsSync(directory) ? await readdir(directory) : [];
  for (const name of names) {
    const pid = new RegExp(`^${prefix}(\\d+)-`, 'u').exec(name)?.[1];
    // Another run may sweep the same one at the same time.
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) await runFile('ip', ['netns', 'del', name]).catch(() => {});
  }
}
