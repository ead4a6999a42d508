/** A command line typed at a terminal that only exists in memory. */
import { Secret } from '../base/secret.ts';
import type { Client } from '../client/client.ts';
import type { Context, Machine, StoredSession, Terminal } from './context.ts';
import { MemoryControl } from './memory-control.testing.ts';
import { runCommand } from './run.ts';

export interface TypedOptions {
  readonly control?: MemoryControl;
  /** A client of another control than the one in memory. */
  readonly client?: Client;
  /** What the person answers, in order; undefined: no terminal. */
  readonly answers?: readonly string[];
  /** What is piped in. */
  readonly input?: string;
  readonly columns?: number;
  readonly live?: boolean;
  readonly colour?: boolean;
  readonly files?: Readonly<Record<string, string>>;
  /** The gateway's lobby has none. */
  readonly withoutMachine?: boolean;
  readonly signal?: AbortSignal;
  readonly onSleep?: () => void;
  /** For what looks at the grammar itself. */
  readonly onContext?: (context: Context) => void;
}

export interface Typed {
  readonly exitCode: number;
  readonly output: string;
  readonly error: string;
  readonly executed: readonly (readonly string[])[];
  readonly questions: readonly string[];
  readonly files: ReadonlyMap<string, string>;
  readonly sessions: readonly StoredSession[];
  readonly control: MemoryControl;
}

export async function typed(argv: readonly string[], options: TypedOptions = {}): Promise<Typed> {
  const control = options.control ?? new MemoryControl();
  const out: string[] = [];
  const err: string[] = [];
  const executed: (readonly string[])[] = [];
  const questions: string[] = [];
  const files = new Map(Object.entries(options.files ?? {}));
  const sessions: StoredSession[] = [];
  const answers = [...(options.answers ?? [])];
  const lines = options.input?.split('\n') ?? [];
  const answer = (question: string) => {
    questions.push(question);
    return Promise.resolve(answers.shift() ?? '');
  };
  const terminal: Terminal = {
    write: (text) => void out.push(text),
    writeError: (text) => void err.push(text),
    isTerminal: options.answers !== undefined,
    columns: options.columns,
    colour: options.colour ?? false,
    live: options.live === true ? { columns: 80 } : undefined,
    ask: answer,
    askSecret: async (question) => new Secret(await answer(question)),
    readLine: () => Promise.resolve(lines.shift()),
    readAll: () => Promise.resolve(lines.splice(0).join('\n')),
  };
  const machine: Machine = {
    hostName: 'desk',
    userName: 'jbond007',
    defaultAddress: 'http://127.0.0.1:9440',
    sessions: sessionsIn(sessions),
    home: '/home/jbond007',
    program: ['/usr/local/bin/myserver'],
    addressOf: ({ url }) => Promise.resolve(url === undefined ? {} : { url }),
    readText: (path) => Promise.resolve(files.get(path)),
    writeText: (path, text) => Promise.resolve(void (text === undefined ? files.delete(path) : files.set(path, text))),
    readFile: (path) => Promise.resolve(files.get(path) ?? ''),
    absolutePath: (path) => `/home/jbond007/${path}`,
    execute: (command) => Promise.resolve(void executed.push(command)).then(() => 7),
    temporaryFile: (name, text) => {
      files.set(name, text);
      return Promise.resolve({ path: `/run/x y/${name}`, [Symbol.asyncDispose]: () => Promise.resolve() });
    },
    reach: ({ url }) => Promise.resolve({ url, client: control.client, caFile: undefined }),
  };
  const context: Context = {
    terminal,
    ...(options.withoutMachine === true ? {} : { machine }),
    connect: () => options.client ?? control.client,
    clock: { now: () => Date.parse('2026-11-22T05:00:00Z') },
    randomId: () => '11111111-2222-4333-8444-555555555555',
    // Later than any answer of the control in memory, and yet at once.
    sleep: async () => {
      options.onSleep?.();
      await new Promise((resolve) => setImmediate(resolve));
    },
    signal: options.signal ?? new AbortController().signal,
    version: '1.2.3',
  };
  options.onContext?.(context);
  const exitCode = await runCommand(argv, context);
  return { exitCode, output: out.join(''), error: err.join(''), executed, questions, files, sessions, control };
}

function sessionsIn(sessions: StoredSession[]): Machine['sessions'] {
  return {
    list: () => Promise.resolve(sessions),
    save: (session) => Promise.resolve(void sessions.unshift(session)),
    remove(url) {
      const at = sessions.findIndex((session) => session.url === url);
      sessions.splice(at, 1);
      return Promise.resolve();
    },
  };
}
