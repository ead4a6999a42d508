/**
 * HTTP to Incus over its unix socket: one request, one answer, with kept-alive connections (a server's creation is a dozen small requests).
 * Everything that can go wrong on the way becomes a fault here: no socket, no answer and a broken connection are `engine-unavailable`.
 */
import { Agent, request as httpRequest, type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { messageOf } from '../../base/fault.ts';
import { fault } from '../../core/errors.ts';

export interface IncusCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With query, `/1.0/instances?recursion=1`. */
  readonly path: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Uint8Array | Readable;
  /** How long the answer may be silent. Beyond it Incus counts as not answering. */
  readonly silenceMs?: number;
  /** Bytes of the answer that are read at most; a longer one throws `engine-failed`. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface IncusAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export interface IncusHttp {
  readonly socket: string;
  send(call: IncusCall): Promise<IncusAnswer>;
  close(): void;
}

/** Small requests are answered in milliseconds; a busy host that mounts a volume first has been seen to take seconds. */
const usualSilenceMs = 60_000;
/** A listing of a thousand instances is about 6 MB; ten thousand still fit. */
const usualMaxBytes = 64 * 2 ** 20;
/** More at once than this only queue inside Incus, and each costs it a goroutine and a descriptor. */
const mostConnections = 32;

export function makeIncusHttp(socket: string): IncusHttp {
  const agent = new Agent({ keepAlive: true, maxSockets: mostConnections });

  async function once(call: IncusCall): Promise<IncusAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const request = httpRequest({
      socketPath: socket,
      agent,
      method: call.method,
      path: call.path,
      headers: { host: 'incus', ...lengthOf(call.body), ...call.headers },
      timeout: call.silenceMs ?? usualSilenceMs,
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    });
    request.once('response', resolve);
    request.on('error', reject);
    request.once('timeout', () => request.destroy(new Error(`no answer in ${(call.silenceMs ?? usualSilenceMs) / 1000} s`)));
    try {
      const [response] = await Promise.all([promise, sendBody(request, call.body)]);
      return { status: response.statusCode ?? 0, headers: response.headers, body: await readBody(response, call) };
    } catch (error) {
      request.destroy();
      throw new Broken(error, request.reusedSocket);
    }
  }

  return {
    socket,
    async send(call) {
      try {
        return await once(call);
      } catch (error) {
        // A kept-alive connection that a restarted Incus closed fails on first use and nothing was done: once more, on a new one.
        if (error instanceof Broken && error.mayRepeat && !(call.body instanceof Object && 'pipe' in call.body)) {
          return await once(call).catch((again: unknown) => Promise.reject(toFault(again, call, socket)));
        }
        throw toFault(error, call, socket);
      }
    },
    close: () => agent.destroy(),
  };
}

/** A request that got no whole answer, before it is made a fault. */
class Broken extends Error {
  readonly mayRepeat: boolean;

  constructor(cause: unknown, reused: boolean) {
    super(messageOf(cause), { cause });
    this.mayRepeat = reused && ['ECONNRESET', 'EPIPE'].includes(codeOf(cause));
  }
}

function toFault(error: unknown, call: IncusCall, socket: string): unknown {
  if (!(error instanceof Broken)) return error;
  const cause = error.cause;
  if (cause instanceof TooLong) return fault('engine-failed', cause.message, { cause });
  if (call.signal?.aborted === true) return cancelled(call.signal);
  return unavailable(socket, cause);
}

/** The fault for an Incus that does not answer. */
export function unavailable(socket: string, cause: unknown): Error {
  const found = codeOf(cause) === 'ENOENT' ? 'there is no socket' : messageOf(cause);
  return fault('engine-unavailable', `Incus does not answer at ${socket} (${found}); is it running? "myserver doctor" tells more`, {
    cause,
  });
}

export function cancelled(signal: AbortSignal): Error {
  return fault('cancelled', 'this was cancelled before it was done', { cause: signal.reason });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function lengthOf(body: IncusCall['body']): OutgoingHttpHeaders {
  if (typeof body === 'string') return { 'content-length': Buffer.byteLength(body) };
  if (body instanceof Uint8Array) return { 'content-length': body.byteLength };
  return {};
}

async function sendBody(request: ClientRequest, body: IncusCall['body']): Promise<void> {
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) {
    request.end(body);
    return;
  }
  await pipeline(body, request);
}

class TooLong extends Error {}

async function readBody(response: IncomingMessage, call: IncusCall): Promise<Buffer> {
  const maxBytes = call.maxBytes ?? usualMaxBytes;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new TooLong(`the answer of Incus to ${call.method} ${call.path} is longer than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}
