/** A terminal from here to a server's own sshd, as the bastion opens one: the same rights, the same line in the ledger, the same recording. */
import type { Client, ClientChannel } from 'ssh2';
import { messageOf } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import type { Place } from '../../contract/internal.ts';
import { fault } from '../../core/errors.ts';
import type { Ledger, LedgerLine } from '../bastion/ledger.ts';
import { hangUp, openWithWindow, takeFromWindow } from '../bastion/ssh2-extras.ts';
import { isClogged } from '../bastion/peer-limits.ts';
import { beginRecording, realRecorder, type RecorderOptions, type Recording } from '../bastion/recording.ts';
import type { ControlLink } from '../control-link.ts';
import { connectToServer, type FromBrowser } from './entrance.ts';
import { type FileDesk, makeFileDesk } from './file-desk.ts';
import type { Transfers } from './transfers.ts';
import { makeTerminalSession, type TerminalSession, type TerminalSize } from './terminal-session.ts';

export interface OpenedTerminal {
  readonly name: string;
  /** Undefined: somebody without an account. */
  readonly person: string | undefined;
  /** Whose it is besides, for counting. */
  readonly countedFor: string;
  /** For who has no account: what they come back by. */
  readonly key: string | undefined;
  readonly place: Place;
  readonly user: string;
  readonly session: TerminalSession;
  /** Of its user, from where its shell is. */
  readonly files: FileDesk;
  /** What its person shows control from here on. */
  goOnWith(credential: string): void;
  end(reason: string): void;
}

export interface OpenerOptions {
  readonly link: ControlLink;
  readonly ledger: Ledger;
  readonly log: Log;
  readonly transfers: Transfers;
  readonly recorder: Pick<RecorderOptions, 'dir' | 'mostBytes' | 'isDiskLow'>;
  /** How long a terminal that nobody looks at goes on. */
  readonly forsakenMs?: number;
}

export interface OpenRequest extends FromBrowser {
  readonly name: string;
  readonly person: string | undefined;
  readonly countedFor: string;
  readonly key: string | undefined;
  readonly size: TerminalSize;
  readonly onOver: (terminal: OpenedTerminal) => void;
}

/** A lost network, a tunnel, a lid that was closed for a moment. */
const forsakenMs = 5 * 60_000;
const term = 'xterm-256color';
/** On its way here, beside what the pages have not shown yet: ^C waits for all of it. */
const windowBytes = 128 * 1024;
const creditBytes = 32 * 1024;

/** Throws what `openInner` throws. */
export async function openTerminal(request: OpenRequest, options: OpenerOptions): Promise<OpenedTerminal> {
  const client = await connectToServer(request, options);
  const stream = await shellOf(client, request.size).catch((error: unknown) => {
    hangUp(client);
    throw fault('engine-failed', `the server did not begin the session: ${messageOf(error)}`, { cause: error });
  });
  return tie(request, options, client, stream);
}

async function shellOf(client: Client, { columns, rows }: TerminalSize): Promise<ClientChannel> {
  const { promise, resolve, reject } = Promise.withResolvers<ClientChannel>();
  client.once('close', () => reject(new Error('the connection was closed')));
  openWithWindow(client, windowBytes, () =>
    client.shell({ term, cols: columns, rows, width: 0, height: 0 }, { env: { COLORTERM: 'truecolor' } }, (error, stream) =>
      error ? reject(error) : resolve(stream),
    ),
  );
  return await promise;
}

function tie(request: OpenRequest, options: OpenerOptions, client: Client, stream: ClientChannel): OpenedTerminal {
  const { name, person, countedFor, key, place, user, size, credential, onOver } = request;
  const line: LedgerLine = options.ledger.begin(
    { credential, kind: 'terminal', terminal: name, server: place, detail: `in a browser as ${user} on server ${place.id}` },
    (reason) => terminal.end(reason),
  );
  const recording: Recording | undefined =
    place.recordedBy === null
      ? undefined
      : beginRecording(
          { id: line.id, server: place, person, user, term, size },
          { ...realRecorder, ...options.recorder, log: options.log },
        );
  let outcome = 'the connection was closed';

  const session = makeTerminalSession({
    size,
    forsakenMs: options.forsakenMs ?? forsakenMs,
    onForsaken: () => terminal.end('nobody looked at it any more'),
    onResize: (next) => recording?.resize(next),
    program: {
      write(data) {
        line.in(data.length);
        return stream.write(data);
      },
      // A server that takes no more of these would have them wait here.
      resize: ({ columns, rows }) => (isClogged(client) ? undefined : stream.setWindow(rows, columns, 0, 0)),
      pause: () => void stream.pause(),
      resume: () => void stream.resume(),
      end: () => stream.close(),
    },
  });
  const terminal: OpenedTerminal = {
    name,
    person,
    countedFor,
    key,
    place,
    user,
    session,
    files: makeFileDesk({ client, counter: line, transfers: options.transfers, hasShell: true }),
    goOnWith: (next) => line.goOnWith(next),
    end(reason) {
      if (session.isOver) return;
      session.over(reason);
      line.end(reason);
      recording?.end();
      onOver(terminal);
      stream.close();
      hangUp(client);
    },
  };
  const take = takingFrom(stream);
  const show = (data: Buffer) => {
    line.out(data.length);
    take(data.length);
    recording?.output(data);
    session.output(data);
  };
  stream.on('data', show);
  stream.stderr.on('data', show);
  for (const one of [stream, stream.stderr]) one.on('error', () => {});
  stream.on('exit', (code: number | null, signal?: string) => (outcome = code === null ? `signal ${signal ?? ''}` : `exit ${code}`));
  stream.once('close', () => terminal.end(outcome));
  client.once('close', () =>
    terminal.end(`server ${place.id} ended the connection: it went down, was restarted, or its SSH service ended`),
  );
  return terminal;
}

/** Tells the server that so many bytes were taken, many at once. */
function takingFrom(stream: ClientChannel): (bytes: number) => void {
  let taken = 0;
  return (bytes) => {
    taken += bytes;
    if (taken < creditBytes) return;
    takeFromWindow(stream, taken);
    taken = 0;
  };
}
