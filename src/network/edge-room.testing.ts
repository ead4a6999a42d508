/** Servers to proxy for, and clients that see every byte: what the suites of the edge are made of. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type RequestOptions, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { parseGeneration, parseServerId } from '../core/ids.ts';
import { nothingOnTheWeb, type WebRoute, type WebState } from '../core/web-route.ts';
import type { Edge } from './edge.ts';

export const domain = 'pages.example';
/** Servers' addresses are in this one. */
export const network = '127.0.9.0/24';
/** What an edge under test gives a server, until its answer begins. */
export const answerMs = 1000;

export interface EdgeUnderTest extends AsyncDisposable {
  readonly edge: Edge;
  /** Of its plain HTTP, at 127.0.0.1. */
  readonly port: number;
}

export type MakeEdge = () => Promise<EdgeUnderTest>;

export interface Backend extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  readonly server: Server;
  /** What it was asked, in order: method and target. */
  readonly asked: string[];
}

/** `GET /mirror` and whatever `answer` does not take: a JSON of how it was asked. */
export async function makeBackend(
  id: number,
  answer: (request: IncomingMessage, response: ServerResponse) => boolean = () => false,
): Promise<Backend> {
  const asked: string[] = [];
  const server = createServer((asking, response) => {
    asked.push(`${asking.method} ${asking.url}`);
    if (answer(asking, response)) return;
    void text(asking).then((body) =>
      response.end(JSON.stringify({ id, url: asking.url, head: asking.rawHeaders, trailers: asking.trailers, body })),
    );
  });
  const address = `127.0.9.${id}`;
  server.listen(0, address);
  await once(server, 'listening');
  return {
    address,
    port: (server.address() as AddressInfo).port,
    server,
    asked,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

export interface Mirrored {
  readonly id: number;
  readonly url: string;
  readonly head: readonly string[];
  readonly trailers: Readonly<Record<string, string>>;
  readonly body: string;
}

export function valuesOf(head: readonly string[], name: string): readonly string[] {
  return head.filter((_text, at) => at % 2 === 1 && head[at - 1]?.toLowerCase() === name);
}

export function routeTo(id: number, { address, port }: Pick<Backend, 'address' | 'port'>, change: Partial<WebRoute> = {}): WebRoute {
  const generation = parseGeneration(`11111111-1111-4111-8111-${String(id).padStart(12, '0')}`);
  return { id: parseServerId(id), generation, door: 'www', address, port, policy: 'public', repair: 'auto', isUp: true, ...change };
}

export function stateOf(...routes: readonly WebRoute[]): WebState {
  return { ...nothingOnTheWeb, routes };
}

export interface Answer {
  readonly status: number;
  readonly head: readonly string[];
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface Client {
  get(path: string, options?: RequestOptions & { readonly body?: string }): Promise<Answer>;
  /** Begins a request, and leaves it to the caller. */
  begin(path: string, options?: RequestOptions): ReturnType<typeof request>;
  /** Those bytes, and all that comes back until the other side closes. */
  say(bytes: string): Promise<string>;
  open(): Promise<Socket>;
}

export function clientOf(port: number): Client {
  const begin = (path: string, options: RequestOptions = {}) => request({ host: '127.0.0.1', port, path, agent: false, ...options });
  async function open(): Promise<Socket> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return socket;
  }
  return {
    begin,
    open,
    async get(path, { body, ...options } = {}) {
      const asking = begin(path, options);
      asking.end(body);
      const [answer] = (await once(asking, 'response')) as [IncomingMessage];
      return { status: answer.statusCode ?? 0, head: answer.rawHeaders, headers: answer.headers, body: await text(answer) };
    },
    async say(bytes) {
      const socket = await open();
      socket.write(bytes, 'latin1');
      socket.on('error', () => {});
      let said = '';
      socket.setEncoding('latin1').on('data', (piece: string) => (said += piece));
      await once(socket, 'close');
      return said;
    },
  };
}

export function mirrored({ body }: Answer): Mirrored {
  return JSON.parse(body) as Mirrored;
}
