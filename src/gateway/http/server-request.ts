/** The edge's own requests to servers: one way in which each may go out, with its times, and what its errors mean. */
import { type Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { WebRoute } from '../../core/web-route.ts';
import type { Failure } from './pages.ts';

export interface ServerTimes {
  readonly connectMs: number;
  /** From the end of the request until the answer begins. */
  readonly answerMs: number;
}

export interface ServerRequestOptions extends ServerTimes {
  /** False: a connection of its own. */
  readonly agent: Agent | false;
  readonly route: WebRoute;
  readonly method: string;
  readonly path: string;
  /** Raw: `[name, value, ...]`. */
  readonly head: readonly string[];
}

const mostHeadBytes = 64 * 1024;

class Slow extends Error {
  readonly code: string;
  constructor(code: 'CONNECT' | 'ANSWER') {
    super('the server took too long');
    this.code = code;
  }
}

/** Its body is the caller's to write; `waitForAnswer` begins the time within which the server has to answer. */
export function askServer(options: ServerRequestOptions): { readonly asked: ClientRequest; readonly waitForAnswer: () => void } {
  const { agent, route, method, path, head, connectMs, answerMs } = options;
  const asked = request({
    host: route.address,
    port: route.port,
    agent,
    method,
    path,
    headers: [...head],
    maxHeaderSize: mostHeadBytes,
    setDefaultHeaders: false,
  });
  let timer: NodeJS.Timeout | undefined;
  asked.once('socket', (socket) => {
    socket.setNoDelay(true);
    if (!socket.connecting) return;
    const connecting = setTimeout(() => asked.destroy(new Slow('CONNECT')), connectMs);
    socket.once('connect', () => clearTimeout(connecting));
    asked.once('close', () => clearTimeout(connecting));
  });
  asked.once('response', () => clearTimeout(timer));
  asked.once('upgrade', () => clearTimeout(timer));
  asked.once('close', () => clearTimeout(timer));
  return {
    asked,
    waitForAnswer() {
      timer ??= setTimeout(() => asked.destroy(new Slow('ANSWER')), answerMs);
    },
  };
}

export function failureOf(error: unknown): Failure {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  switch (code) {
    case 'ECONNREFUSED':
      return 'refused';
    case 'CONNECT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
    case 'EHOSTDOWN':
      return 'unreachable';
    case 'ANSWER':
      return 'slow';
    default:
      return 'broken';
  }
}

/** A connection that was kept may have been closed by the server at the moment it was used again: that says nothing about the server. */
export function wasKeptTooLong(asked: ClientRequest, error: unknown): boolean {
  return asked.reusedSocket && error instanceof Error && 'code' in error && error.code === 'ECONNRESET';
}

/** Whether the request has a body, or will (RFC 9112, section 6.3). */
export function hasBody({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Whether its status is one that may be passed on (RFC 9110, section 15): a server says what it wants, and Node's writer throws at the rest. */
export function isAnswer({ statusCode = 0 }: Pick<IncomingMessage, 'statusCode'>): boolean {
  return statusCode >= 200 && statusCode <= 599;
}

/** Without what no reason phrase may have (RFC 9112, section 4). */
export function reasonOf({ statusMessage = '' }: Pick<IncomingMessage, 'statusMessage'>): string {
  return statusMessage.replaceAll(/[^\t\u0020-\u007E\u0080-\u00FF]/gu, '');
}
