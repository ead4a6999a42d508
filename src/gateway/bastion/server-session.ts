/** One session of a person on a server: their channel joined with one of the server's sshd, everything passed through as it is (RFC 4254, section 6). */
import type { Readable } from 'node:stream';
import type { Client, ClientChannel, PseudoTtyOptions, ServerChannel, X11Options } from 'ssh2';
import { fault } from '../../core/errors.ts';
import type { LedgerLine } from './ledger.ts';
import type { Recording } from './recording.ts';
import { isClogged } from './peer-limits.ts';
import { afterWrites, flushed } from './relay.ts';
import type { SessionRequest, TerminalRequest, Wanted } from './session-request.ts';
import { hangUp } from './ssh2-extras.ts';

export interface Outcome {
  readonly code: number;
  /** `TERM`, where a signal ended it. */
  readonly signal: string | undefined;
  /** The server said nothing of how the program ended. */
  readonly isBroken: boolean;
  readonly hasDumpedCore: boolean;
  readonly text: string;
}

/** OpenSSH's own exit code for "the connection broke", and for a program that a signal ended. */
export const brokenCode = 255;

/**
 * Those of RFC 4254, section 6.10, and their numbers. ssh2 throws where it is to pass on any other, and a server says what it likes: OpenSSH's sshd says
 * `SIG@openssh.com` of SIGBUS, SIGSYS and the rest.
 */
const signals: ReadonlyMap<string, number> = new Map([
  ['SIGHUP', 1],
  ['SIGINT', 2],
  ['SIGQUIT', 3],
  ['SIGILL', 4],
  ['SIGABRT', 6],
  ['SIGFPE', 8],
  ['SIGKILL', 9],
  ['SIGUSR1', 10],
  ['SIGSEGV', 11],
  ['SIGUSR2', 12],
  ['SIGPIPE', 13],
  ['SIGALRM', 14],
  ['SIGTERM', 15],
]);

/** A server that does not answer a close would keep a session listed, and drained for, that nobody has any more. */
const closeMs = 10_000;

export interface SessionParts {
  readonly inner: Client;
  readonly channel: ServerChannel;
  readonly request: SessionRequest;
  readonly wanted: Wanted;
  readonly line: LedgerLine;
  readonly recording: Recording | undefined;
  readonly signal: AbortSignal;
}

/** Resolves when the program on the server has ended and its last byte is on its way. Leaves the person's channel open. Throws where no session comes about. */
export async function runOnServer(parts: SessionParts): Promise<Outcome> {
  const { inner, channel, request, line, recording, signal } = parts;
  const { stream, ended } = await open(parts);
  const undo = [
    request.onSignal((name) => (signals.has(`SIG${name}`) && !isClogged(inner) ? stream.signal(name) : undefined)),
    request.terminal?.onResize((size) => {
      if (!isClogged(inner)) stream.setWindow(...windowOf(request.terminal));
      recording?.resize(size);
    }),
  ];
  const count = (data: Buffer) => line.in(data.length);
  channel.on('data', count);
  stream.on('data', (data: Buffer) => {
    line.out(data.length);
    recording?.output(data);
  });
  stream.stderr.on('data', (data: Buffer) => line.out(data.length));
  // Its end is sent on by hand: once the person's side is at its end, the program reads EOF and may go on writing.
  channel.pipe(stream, { end: false });
  const onEnd = () => afterWrites(stream, () => stream.end());
  if (channel.readableEnded) onEnd();
  else channel.once('end', onEnd);
  stream.pipe(channel, { end: false });
  stream.stderr.pipe(channel.stderr, { end: false });
  // Whoever has gone takes nothing any more: what still comes is thrown away, or it would never be at its end.
  let late: NodeJS.Timeout | undefined;
  const onAbort = () => {
    for (const one of [stream, stream.stderr]) one.unpipe().resume();
    stream.close();
    late = setTimeout(() => hangUp(inner), closeMs);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  const outcome = await ended;
  clearTimeout(late);
  signal.removeEventListener('abort', onAbort);
  for (const one of undo) one?.();
  channel.unpipe(stream);
  channel.off('data', count);
  channel.off('end', onEnd);
  await flushed(channel, channel.stderr);
  return outcome;
}

interface Opened {
  readonly stream: ClientChannel;
  readonly ended: Promise<Outcome>;
}

async function open({ inner, request, wanted }: SessionParts): Promise<Opened> {
  const { promise, resolve, reject } = Promise.withResolvers<Opened>();
  const done = (error: Error | undefined, stream: ClientChannel) => {
    // Listened to at once: a short program's end may have come in the same packet as its beginning.
    if (error) reject(error);
    else resolve({ stream, ended: outcomeOf(stream) });
  };
  const options = {
    env: { ...request.env },
    ...(request.wantsAgent ? { agentForward: true } : {}),
    ...(request.x11 === undefined ? {} : { x11: x11Of(request.x11) }),
  };
  try {
    if (wanted.kind === 'subsystem') inner.subsys(wanted.name, done);
    else if (wanted.kind === 'exec')
      inner.exec(wanted.command, { ...options, ...(request.terminal === undefined ? {} : { pty: ptyOf(request.terminal) }) }, done);
    else inner.shell(request.terminal === undefined ? false : ptyOf(request.terminal), options, done);
    return await promise;
  } catch (error) {
    throw fault('engine-failed', `the server did not begin the session: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

async function outcomeOf(stream: ClientChannel): Promise<Outcome> {
  let outcome: Outcome = { code: brokenCode, signal: undefined, isBroken: true, hasDumpedCore: false, text: '' };
  stream.on('exit', (code: number | null, name?: string, dumped?: boolean, text?: string) => {
    const number = signals.get(name ?? '');
    const bySignal =
      number === undefined
        ? { ...outcome, isBroken: false }
        : { code: 128 + number, signal: name, isBroken: false, hasDumpedCore: dumped === true, text: text ?? '' };
    outcome = code === null ? bySignal : { ...outcome, isBroken: false, code };
  });
  // Each closes when its last byte has been read; the error side may be later than the other.
  await Promise.all([closed(stream), closed(stream.stderr)]);
  return outcome;
}

async function closed(stream: Readable): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  stream.once('close', () => resolve());
  await promise;
}

function ptyOf(terminal: TerminalRequest): PseudoTtyOptions {
  const { columns, rows, widthPixels, heightPixels } = terminal.full();
  return {
    cols: columns,
    rows,
    width: widthPixels,
    height: heightPixels,
    term: terminal.term,
    modes: terminal.info.modes,
  } as PseudoTtyOptions;
}

function windowOf(terminal: TerminalRequest | undefined): [number, number, number, number] {
  const { columns, rows, widthPixels, heightPixels } = terminal?.full() ?? { columns: 80, rows: 24, widthPixels: 0, heightPixels: 0 };
  return [rows, columns, heightPixels, widthPixels];
}

function x11Of({ single, protocol, cookie, screen }: NonNullable<SessionRequest['x11']>): X11Options {
  // The cookie's hexadecimal digits arrive as bytes.
  const digits = typeof cookie === 'string' ? cookie : (cookie as Buffer).toString('latin1');
  return { single, protocol, cookie: digits, screen };
}
