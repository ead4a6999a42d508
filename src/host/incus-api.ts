/**
 * The few questions that bringing Incus up asks of it, over its unix socket. Running servers goes through `engines/incus/`, which knows far more;
 * this is for the time before there is an engine.
 */
import { request } from 'node:http';
import { fault } from '../core/errors.ts';

export type IncusMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

interface Envelope {
  readonly type: 'sync' | 'async' | 'error';
  readonly error_code?: number;
  readonly error?: string;
  readonly operation?: string;
  readonly metadata?: unknown;
}

interface Operation {
  readonly status_code: number;
  readonly err: string;
}

export interface IncusApi {
  /** The answer's metadata; undefined when there is no such thing. Background work is waited for. */
  ask<T>(method: IncusMethod, path: string, body?: object): Promise<T | undefined>;
}

/** Making a pool writes a whole file system: minutes on a slow disk. Beyond this Incus hangs. */
const longestAnswerMs = 300_000;

/** Throws `engine-unavailable` when nobody listens, `engine-failed` with Incus's own sentence. */
export function makeIncusApi(socketPath: string): IncusApi {
  const ask = async <T>(method: IncusMethod, path: string, body?: object): Promise<T | undefined> => {
    const answer = await exchange(socketPath, method, path, body);
    if (answer.type === 'error') {
      if (answer.error_code === 404) return undefined;
      throw fault('engine-failed', `Incus was asked for ${method} ${path} and refused: ${answer.error ?? 'without a word'}`);
    }
    if (answer.type === 'sync' || answer.operation === undefined) return answer.metadata as T;
    const ended = await exchange(socketPath, 'GET', `${answer.operation}/wait`);
    const operation = ended.metadata as Operation | undefined;
    if (operation?.status_code === 200) return operation as T;
    throw fault('engine-failed', `Incus was asked for ${method} ${path} and failed: ${operation?.err ?? ended.error ?? 'without a word'}`);
  };
  return { ask };
}

function exchange(socketPath: string, method: IncusMethod, path: string, body?: object): Promise<Envelope> {
  const { promise, resolve, reject } = Promise.withResolvers<Envelope>();
  const unavailable = (cause: Error) =>
    reject(fault('engine-unavailable', `Incus does not answer at ${socketPath} (${cause.message}): see that incusd runs`, { cause }));
  const call = request(
    { socketPath, method, path, timeout: longestAnswerMs, headers: { 'content-type': 'application/json' } },
    (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', unavailable);
      response.once('end', () => {
        try {
          resolve(JSON.parse(Buffer.concat(chunks).toString()) as Envelope);
        } catch (cause) {
          reject(fault('engine-failed', `Incus's answer to ${method} ${path} is not JSON: is ${socketPath} Incus's?`, { cause }));
        }
      });
    },
  );
  call.once('error', unavailable);
  call.once('timeout', () => call.destroy(new Error('no answer in time')));
  call.end(body === undefined ? undefined : JSON.stringify(body));
  return promise;
}
