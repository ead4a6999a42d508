/** One WebSocket of a browser terminal: its messages parsed, its limits kept, and whoever says nothing any more taken for gone. */
import { Compile } from 'typebox/compile';
import type { RawData, WebSocket } from 'ws';
import { type FromTerminal, type ToTerminal, ToTerminalSchema } from '../../contract/terminal.ts';

export interface TerminalSocket {
  send(message: FromTerminal): void;
  output(data: Buffer): void;
  /** Until `false` is taken back by `resume`, nothing more is read. */
  pause(): void;
  resume(): void;
  close(): void;
}

export interface SocketHears {
  message(message: ToTerminal): void;
  input(data: Buffer): void;
  /** Once, however it came about. */
  closed(): void;
}

/** A page answers a ping by itself; one that does not has lost its network. */
const pingMs = 15_000;
/** Typed or pasted: pages cut what is longer. */
export const longestMessageBytes = 128 * 1024;

const toTerminal = Compile(ToTerminalSchema);

export function makeTerminalSocket(socket: WebSocket, hears: SocketHears): TerminalSocket {
  let isAlive = true;
  const pinging = setInterval(() => {
    if (!isAlive) return socket.terminate();
    isAlive = false;
    socket.ping();
  }, pingMs);
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
    const message = parse(bytes);
    if (message === undefined) socket.close(1008, 'no message of a terminal');
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

function parse(bytes: Buffer): ToTerminal | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return toTerminal.Check(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
