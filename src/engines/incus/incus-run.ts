/**
 * Running a program inside an instance: an operation of Incus with one websocket for each of its standard streams (doc/dev-incus and rest-api of
 * Incus 6.0, "exec", not interactive). Input ends with an empty text message; each output ends with one. The recorded form of exec takes no input.
 */
import WebSocket, { type RawData } from 'ws';
import { fault } from '../../core/errors.ts';
import type { RunResult } from '../engine.ts';
import { opened, type IncusClient, type Operation } from './incus-client.ts';
import { hasSaid, isNotFound } from './incus-error.ts';
import { cancelled } from './incus-http.ts';
import { pathOf, required } from './incus-lookup.ts';

/** Of each output; what comes after is read and dropped, so that the program does not hang on a full pipe. */
const mostBytes = 2 ** 20;
/** The outputs' last bytes come on other connections than the end of the operation. On a busy host they have been seen to come later. */
const lastBytesMs = 5_000;
/** A message larger than this is sent in parts. */
const partBytes = 128 * 1024;

export async function runInside(
  client: IncusClient,
  name: string,
  argv: readonly string[],
  input: string,
  signal: AbortSignal | undefined,
): Promise<RunResult> {
  const deed = `run ${argv[0] ?? 'nothing'} in ${name}`;
  refuseCancelled(signal);
  const body = { command: argv, interactive: false, 'wait-for-websocket': true, environment: { HOME: '/root', LANG: 'C.UTF-8' } };
  const begun = await client.begin({ method: 'POST', path: pathOf(name, '/exec'), body, deed }).catch(async (error: unknown) => {
    const instance = isNotFound(error) || hasSaid(error, /not running|is frozen/iu) ? await required(client, name) : undefined;
    if (instance === undefined || instance.status === 'Running') throw error;
    throw fault('wrong-state', `cannot run anything in ${name}: it is not running; start it first`, { cause: error });
  });
  using streams = openStreams(client, begun);
  const kill = () => streams.kill();
  signal?.addEventListener('abort', kill, { once: true });
  try {
    await streams.ready;
    if (isCancelled(signal)) kill();
    streams.feed(input);
    const exitCode = await exitCodeOf(client, begun, deed);
    await streams.drained();
    refuseCancelled(signal);
    return { exitCode, stdout: streams.stdout(), stderr: streams.stderr() };
  } catch (error) {
    refuseCancelled(signal);
    if (hasSaid(error, /command not found/iu)) return { exitCode: 127, stdout: '', stderr: `${argv[0] ?? ''}: not found\n` };
    if (hasSaid(error, /command not executable/iu)) return { exitCode: 126, stdout: '', stderr: `${argv[0] ?? ''}: cannot be run\n` };
    throw error;
  } finally {
    signal?.removeEventListener('abort', kill);
  }
}

/** A function, because the signal may fire between two looks at it. */
function isCancelled(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function refuseCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw cancelled(signal);
}

async function exitCodeOf(client: IncusClient, begun: Operation, deed: string): Promise<number> {
  const done = await client.settle(begun, { method: 'GET', path: '', deed });
  const code = done.metadata?.['return'];
  if (typeof code !== 'number') throw fault('engine-failed', `could not ${deed}: Incus did not say how it ended`);
  return code;
}

interface Streams extends Disposable {
  /** All are connected; Incus runs the program only then. */
  readonly ready: Promise<unknown>;
  feed(input: string): void;
  /** Resolves when both outputs have ended, or late. */
  drained(): Promise<void>;
  kill(): void;
  stdout(): string;
  stderr(): string;
}

function openStreams(client: IncusClient, operation: Operation): Streams {
  const secrets = (operation.metadata?.['fds'] ?? {}) as Readonly<Record<string, string>>;
  const connect = (stream: string) => client.websocket(`/1.0/operations/${operation.id}/websocket?secret=${secrets[stream] ?? ''}`);
  const control = connect('control');
  const stdin = connect('0');
  const outputs = [collect(connect('1')), collect(connect('2'))] as const;
  const all = [control, stdin, ...outputs.map(({ websocket }) => websocket)];
  for (const websocket of all) websocket.on('error', () => {});
  const text = (output: Output) => Buffer.concat(output.chunks).subarray(0, mostBytes).toString('utf8');
  return {
    ready: Promise.all(all.map((websocket) => opened(websocket, client.socket))),
    feed(input) {
      const bytes = Buffer.from(input);
      for (let at = 0; at < bytes.length; at += partBytes) stdin.send(bytes.subarray(at, at + partBytes), { binary: true });
      stdin.send('');
    },
    async drained() {
      const late = AbortSignal.timeout(lastBytesMs);
      const { promise, resolve } = Promise.withResolvers<void>();
      late.addEventListener('abort', () => resolve(), { once: true });
      await Promise.race([Promise.all(outputs.map(({ ended }) => ended)), promise]);
    },
    kill() {
      if (control.readyState === WebSocket.OPEN) control.send(JSON.stringify({ command: 'signal', signal: 9 }));
    },
    stdout: () => text(outputs[0]),
    stderr: () => text(outputs[1]),
    [Symbol.dispose]: () => {
      for (const websocket of all) websocket.terminate();
    },
  };
}

interface Output {
  readonly websocket: WebSocket;
  readonly chunks: readonly Buffer[];
  readonly ended: Promise<void>;
}

function collect(websocket: WebSocket): Output {
  const chunks: Buffer[] = [];
  let size = 0;
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  websocket.on('message', (data: RawData, isBinary: boolean) => {
    if (!isBinary) {
      resolve();
      websocket.close();
      return;
    }
    const chunk = Buffer.isBuffer(data) ? data : Buffer.concat(Array.isArray(data) ? data : [Buffer.from(data)]);
    if (size < mostBytes) chunks.push(chunk);
    size += chunk.length;
  });
  websocket.on('close', () => resolve());
  return { websocket, chunks, ended };
}
