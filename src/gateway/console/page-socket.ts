/** One WebSocket of a page with a server: its messages parsed, its limits kept, and whoever says nothing any more taken for gone. */
import { Compile } from 'typebox/compile';
import type { RawData, WebSocket } from 'ws';
import {
  aliveMs,
  type FromFilesSocket,
  type FromTerminal,
  type ToFilesSocket,
  ToFilesSocketSchema,
  type ToTerminal,
  ToTerminalSchema,
} from '../../contract/terminal.ts';

export interface PageSocket<From> {
  send(message: From): void;
  output(data: Buffer): void;
  /** Until `false` is taken back by `resume`, nothing more is read. */
  pause(): void;
  resume(): void;
  close(): void;
}

export type TerminalSocket = PageSocket<FromTerminal>;
export type FilesSocket = PageSocket<FromFilesSocket>;

export interface SocketHears<To> {
  message(message: To): void;
  input(data: Buffer): void;
  /** Once, however it came about. */
  closed(): void;
}

/** Typed or pasted: pages cut what is longer. */
export const longestMessageBytes = 128 * 1024;

const toTerminal = Compile(ToTerminalSchema);
const toFiles = Compile(ToFilesSocketSchema);

export function makeTerminalSocket(socket: WebSocket, hears: SocketHears<ToTerminal>): TerminalSocket {
  return makePageSocket(socket, hears, (value) => (toTerminal.Check(value) ? value : undefined));
}

export function makeFilesSocket(socket: WebSocket, hears: SocketHears<ToFilesSocket>): FilesSocket {
  return makePageSocket(socket, hears, (value) => (toFiles.Check(value) ? value : undefined));
}

function makePageSocket<From, To>(socket: WebSocket, hears: SocketHears<To>, check: (value: unknown) => To | undefined): PageSocket<From> {
  let isAlive = true;
  const pinging = setInterval(() => {
    if (!isAlive) return socket.terminate();
    isAlive = false;
    // A browser answers a ping by itself, and its page hears nothing of it.
    socket.ping();
    socket.send('{"kind":"alive"}');
  }, aliveMs);
  socket.on('pong', () => (isAlive = true));
  socket.on('error', () => socket.terminate());
  socket.once('close', () => {
    clearInterval(pinging);
    hears.closed();
  });
  socket.on('message', (data: RawData, isBinary: boolean) => {
    isAlive = true;
    const bytes = data as Buffer;
    if (isBinary) return hears.input(bytes);
    const message = check(parse(bytes));
    if (message === undefined) socket.close(1008, 'no message that is known here');
    else hears.message(message);
  });
  const isOpen = () => socket.readyState === socket.OPEN;
  return {
    send: (message) => (isOpen() ? socket.send(JSON.stringify(message)) : undefined),
    output: (data) => (isOpen() ? socket.send(data) : undefined),
    pause: () => (isOpen() ? socket.pause() : undefined),
    resume: () => (isOpen() ? socket.resume() : undefined),
    close: () => socket.close(1000),
  };
}

/** Undefined, which no message is, where it is no JSON. */
function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
