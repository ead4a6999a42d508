/**
 * HTTP/2 in the words of HTTP/1.1, which servers are asked by (RFC 9113, section 8.3.1): requests and answers of Node's compatibility layer, made so that
 * whoever reads and writes them need not know.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  constants,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';

/** Both on the same objects: what is given back is what was given. */
export function asHttp1(asked: Http2ServerRequest, answer: Http2ServerResponse): { request: IncomingMessage; response: ServerResponse } {
  const request = asked as unknown as IncomingMessage;
  const response = answer as unknown as ServerResponse;
  const head = plainHead(asked);
  Object.defineProperty(request, 'rawHeaders', { value: head });
  request.headers.host ??= asked.authority;
  // A body of unknown length is one in pieces there; here streams end by themselves.
  if (head.includes('transfer-encoding')) request.headers['transfer-encoding'] = 'chunked';

  const write = answer.writeHead.bind(answer) as (status: number, head: unknown) => Http2ServerResponse;
  const addTrailers = answer.addTrailers.bind(answer);
  Object.defineProperties(response, {
    destroyed: { get: () => answer.stream.destroyed || answer.stream.closed },
    // An answer that is cut short must not look whole.
    destroy: { value: () => answer.stream.close(constants.NGHTTP2_INTERNAL_ERROR) },
    writeHead: {
      value: (status: number, ...more: readonly unknown[]) =>
        void write(status, ofNoConnection(more.findLast((one) => typeof one === 'object'))),
    },
    addTrailers: {
      value(trailers: readonly (readonly [string, string])[]) {
        const named = Map.groupBy(trailers, ([name]) => name.toLowerCase());
        addTrailers(Object.fromEntries([...named].map(([name, all]) => [name, all.map(([, value]) => value)])));
      },
    },
  });
  return { request, response };
}

/** Without pseudo-header fields; cookies in one field again (RFC 9113, section 8.2.3). */
function plainHead({ rawHeaders, authority, headers, stream }: Http2ServerRequest): readonly string[] {
  const kept: string[] = authority === '' ? [] : ['host', authority];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = [rawHeaders[at], rawHeaders[at + 1]];
    const isSaid = name.startsWith(':') || name === 'cookie' || (name === 'host' && value === authority);
    if (!isSaid) kept.push(name, value);
  }
  if (headers.cookie !== undefined) kept.push('cookie', headers.cookie);
  if (!stream.endAfterHeaders && headers['content-length'] === undefined) kept.push('transfer-encoding', 'chunked');
  return kept;
}

/** As an object or as `[name, value, ...]`. Here a stream ends without its connection. */
function ofNoConnection(head: unknown): unknown {
  if (!Array.isArray(head)) return Object.fromEntries(Object.entries((head ?? {}) as object).filter(([name]) => name !== 'connection'));
  return head.filter((_text, at) => String(head[at - (at % 2)]).toLowerCase() !== 'connection');
}

export interface SessionTimes {
  /** A connection without a request may stay for so long. */
  readonly keepAliveMs: number;
  /** A request that says nothing may. */
  readonly silenceMs: number;
}

/** Bytes that a client may send ahead of the server that takes them: of one request, and of a connection's together. */
const [ofStream, ofSession] = [1024 * 1024, 4 * 1024 * 1024];

/** RFC 9113, section 6.5.2. */
export const http2Settings = {
  enablePush: false,
  maxConcurrentStreams: 100,
  initialWindowSize: ofStream,
  maxHeaderListSize: 16 * 1024,
} as const;

export function keepSessions(server: Pick<Http2Server, 'on'>, { keepAliveMs, silenceMs }: SessionTimes): void {
  server.on('session', (session: ServerHttp2Session) => {
    let open = 0;
    session.setLocalWindowSize(ofSession);
    session.setTimeout(keepAliveMs, () => open === 0 && session.close());
    session.on('stream', (stream: ServerHttp2Stream) => {
      open += 1;
      stream.setTimeout(silenceMs, () => stream.close());
      stream.once('close', () => (open -= 1));
    });
    // What a stranger's bytes do to a connection is told by its end.
    session.on('error', () => {});
  });
}
