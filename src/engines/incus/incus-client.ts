/**
 * Incus's REST API (doc/rest-api.md of Incus 6.0) in the three forms it has: a plain answer, a background operation that is waited for, and a
 * websocket. Every path is given without project; the client adds it.
 */
import WebSocket from 'ws';
import { fault } from '../../core/errors.ts';
import { parseEnvelope, refusal, type Envelope } from './incus-error.ts';
import { cancelled, makeIncusHttp, unavailable, type IncusAnswer, type IncusCall } from './incus-http.ts';

export interface Operation {
  readonly id: string;
  readonly status: string;
  /** 1xx going on, 200 done, 400 failed, 401 cancelled. */
  readonly status_code: number;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly resources?: Readonly<Record<string, readonly string[] | null>> | null;
  readonly err: string;
  readonly may_cancel: boolean;
}

export interface Deed extends Omit<IncusCall, 'body'> {
  /** Ends the sentence "Incus could not …". */
  readonly deed: string;
  readonly body?: unknown;
  /** Called with the operation's metadata about once a second while it goes on. */
  readonly onProgress?: (metadata: Readonly<Record<string, unknown>>) => void;
}

export interface IncusClient extends Disposable {
  readonly socket: string;
  /** A plain answer's metadata, of whatever shape the API's documents say for the path. */
  ask<Answer>(deed: Deed): Promise<Answer>;
  /**
   * Begins a background operation and waits for its end. When the signal fires the operation is cancelled where Incus can; either way its end is
   * waited for, then `cancelled` is thrown: nothing goes on unseen.
   */
  operate(deed: Deed): Promise<Operation>;
  /** Begins one and does not wait. */
  begin(deed: Deed): Promise<Operation>;
  /** Waits for one that somebody began. */
  settle(operation: Operation, deed: Deed): Promise<Operation>;
  /** The answer's raw bytes: files. Throws as `ask` does. */
  fetch(deed: Omit<Deed, 'body'> & Pick<IncusCall, 'body'>): Promise<IncusAnswer>;
  websocket(path: string): WebSocket;
  /** The path with the project in its query, for connections that are made elsewhere. */
  inProject(path: string): string;
}

/** One round of waiting for an operation. A dead Incus is noticed by the broken connection, a hung one after this and `lateMs`. */
const roundSeconds = 20;
const lateMs = 20_000;

export function makeIncusClient(options: { readonly socket: string; readonly project: string }): IncusClient {
  const { socket, project } = options;
  const http = makeIncusHttp(socket);
  const inProject = (path: string) => `${path}${path.includes('?') ? '&' : '?'}project=${encodeURIComponent(project)}`;

  async function envelope(deed: Deed): Promise<Envelope> {
    const json = deed.body === undefined ? {} : { body: JSON.stringify(deed.body), headers: { 'content-type': 'application/json' } };
    const { body: _, ...rest } = deed;
    const answer = await http.send({ ...rest, ...json, path: inProject(deed.path) });
    return checked(parseEnvelope(answer.body, deed.deed), deed.deed);
  }

  async function begin(deed: Deed): Promise<Operation> {
    return (await envelope(deed)).metadata as Operation;
  }

  async function settle(operation: Operation, deed: Deed): Promise<Operation> {
    const { signal } = deed;
    const path = `/1.0/operations/${operation.id}`;
    const cancel = () => void http.send({ method: 'DELETE', path: inProject(path) }).catch(() => {});
    signal?.addEventListener('abort', cancel, { once: true });
    if (signal?.aborted === true) cancel();
    using _ = { [Symbol.dispose]: () => signal?.removeEventListener('abort', cancel) };
    const seconds = deed.onProgress === undefined ? roundSeconds : 1;
    let seen = operation;
    while (seen.status_code < 200) {
      const call = { method: 'GET', path: `${path}/wait?timeout=${seconds}`, silenceMs: seconds * 1000 + lateMs, deed: deed.deed } as const;
      seen = (await envelope(call)).metadata as Operation;
      if (seen.metadata !== null) deed.onProgress?.(seen.metadata);
    }
    if (signal?.aborted === true) throw cancelled(signal);
    if (seen.status_code !== 200) throw refusal(deed.deed, seen.err, seen.status_code);
    return seen;
  }

  return {
    socket,
    inProject,
    ask: async <Answer>(deed: Deed) => (await envelope(deed)).metadata as Answer,
    begin,
    settle,
    async operate(deed) {
      if (deed.signal?.aborted === true) throw cancelled(deed.signal);
      // The request that begins the work must not be cut: Incus may have begun, and the operation's name would be lost with the answer.
      const { signal: _, ...uncut } = deed;
      return await settle(await begin(uncut), deed);
    },
    async fetch(deed) {
      const answer = await http.send({ ...deed, path: inProject(deed.path) });
      if (answer.status >= 400) checked(parseEnvelope(answer.body, deed.deed), deed.deed);
      return answer;
    },
    websocket: (path) => new WebSocket(`ws+unix://${socket}:${inProject(path)}`, { perMessageDeflate: false, handshakeTimeout: lateMs }),
    [Symbol.dispose]: () => http.close(),
  };
}

function checked(envelope: Envelope, deed: string): Envelope {
  if (envelope.type === 'error') throw refusal(deed, envelope.error ?? 'no reason given', envelope.error_code ?? 0);
  return envelope;
}

/** Resolves when the websocket is open; throws `engine-unavailable` or, where Incus answered with an HTTP code, `engine-failed`. */
export function opened(websocket: WebSocket, socket: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  websocket.once('open', resolve);
  websocket.once('error', (error) => reject(unavailable(socket, error)));
  websocket.once('unexpected-response', (_, response) => {
    response.resume();
    websocket.terminate();
    reject(fault('engine-failed', `Incus refused a websocket with HTTP ${response.statusCode ?? 0}`));
  });
  return promise;
}
