/**
 * A program that runs inside a network namespace and opens sockets there as it is told over the channel to its parent: the other half of `namespaces.ts`.
 * It ends with that channel, so it never outlives a killed test.
 */
import { createSocket } from 'node:dgram';
import { connect, createServer, type Socket } from 'node:net';
import { unreachable } from '../base/brand.ts';
import type { AgentAnswer, AgentOrder } from './namespaces.ts';

const name = process.argv[2] ?? 'nobody';
const lines = new Map<number, Socket>();
const seen: string[] = [];

async function obey(order: AgentOrder): Promise<string> {
  switch (order.deed) {
    case 'listen':
      return order.protocol === 'tcp' ? listenTcp(order.address, order.port) : listenUdp(order.address, order.port);
    case 'ask':
      return order.protocol === 'tcp' ? askTcp(order) : askUdp(order);
    case 'open':
      return open(order);
    case 'say':
      return say(order.line, order.text, order.waitMs);
    case 'seen':
      return seen.join('\n');
    default:
      return unreachable(order);
  }
}

function listenTcp(address: string, port: number): Promise<string> {
  const server = createServer((socket) => {
    const from = socket.remoteAddress?.replace('::ffff:', '') ?? 'nobody';
    seen.push(`tcp ${port} from ${from}`);
    socket.on('error', () => socket.destroy());
    socket.write(`${name} saw ${from}\n`);
    socket.pipe(socket);
  });
  return new Promise((resolve) => {
    server.once('error', (error) => resolve(error.message));
    server.listen({ host: address, port }, () => resolve('ok'));
  });
}

function listenUdp(address: string, port: number): Promise<string> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (_message, from) => {
    seen.push(`udp ${port} from ${from.address}`);
    // No way back to a spoofed source is no fault of ours.
    socket.send(`${name} saw ${from.address}`, from.port, from.address, () => {});
  });
  return new Promise((resolve) => {
    socket.once('error', (error) => resolve(error.message));
    socket.bind(port, address, () => resolve('ok'));
  });
}

function connectTo({ address, port, from }: { address: string; port: number; from: string | undefined }): Socket {
  return connect({ host: address, port, ...(from === undefined ? {} : { localAddress: from }) });
}

function wordOf(error: NodeJS.ErrnoException): string {
  return error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET' ? 'refused' : (error.code ?? error.message);
}

function askTcp(order: Extract<AgentOrder, { deed: 'ask' }>): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectTo(order);
    const end = (answer: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => end('silent'), order.waitMs);
    socket.once('data', (data) => end(data.toString().trim()));
    socket.once('error', (error) => end(wordOf(error)));
    socket.once('end', () => end('closed'));
  });
}

function askUdp(order: Extract<AgentOrder, { deed: 'ask' }>): Promise<string> {
  return new Promise((resolve) => {
    const socket = createSocket(order.address.includes(':') ? 'udp6' : 'udp4');
    const end = (answer: string): void => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => end('silent'), order.waitMs);
    socket.once('message', (message) => end(message.toString()));
    socket.once('error', (error) => end(wordOf(error)));
    socket.bind(0, order.from, () => socket.send('?', order.port, order.address));
  });
}

function open(order: Extract<AgentOrder, { deed: 'open' }>): Promise<string> {
  const socket = connectTo(order);
  lines.set(order.line, socket);
  return new Promise((resolve) => {
    socket.once('data', (data) => resolve(data.toString().trim()));
    socket.once('error', (error) => resolve(wordOf(error)));
  });
}

/** What comes back for a text over an open connection. */
function say(line: number, text: string, waitMs: number): Promise<string> {
  const socket = lines.get(line);
  if (socket === undefined || socket.destroyed) return Promise.resolve('closed');
  return new Promise((resolve) => {
    const end = (answer: string): void => {
      clearTimeout(timer);
      socket.removeAllListeners('data').removeAllListeners('error');
      // A later error must not end the agent.
      socket.on('error', () => socket.destroy());
      resolve(answer);
    };
    const timer = setTimeout(() => end('silent'), waitMs);
    socket.once('data', (data) => end(data.toString()));
    socket.once('error', (error) => end(wordOf(error)));
    socket.write(text);
  });
}

process.on('message', (message: { number: number; order: AgentOrder }) => {
  void obey(message.order).then((text) => process.send?.({ number: message.number, text } satisfies AgentAnswer));
});
process.on('disconnect', () => process.exit());
