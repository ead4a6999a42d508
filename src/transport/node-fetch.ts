/** The client's `fetch` over node:http: a unix socket, HTTP, or HTTPS with one more certificate authority. (The built-in fetch can do neither first nor last.) */
import http from 'node:http';
import type { Fetch } from '../client/client.ts';
import { type ErrorCode, fault } from '../core/errors.ts';
import type { Fault } from '../base/fault.ts';

export interface NodeFetchOptions {
  /** What the audit calls this door: `cli`, or the door's own name where nothing is said. */
  readonly via?: 'cli';
  /** Goes here, whatever the URL's host says. */
  readonly socketPath?: string;
  /** PEM, trusted beside the system's. */
  readonly ca?: string;
}

/** Control answers a waiting question within 60 s; nothing at all for this long means that it hangs. */
const silenceMs = 150_000;
/** A thousand servers with full notes are under 2 MB; more than this is not our control. */
const mostBytes = 64 * 2 ** 20;

export function makeNodeFetch({ via, socketPath, ca }: NodeFetchOptions): Fetch {
  let tls: Promise<TlsParts> | undefined;
  const plain = { request: http.request, agent: new http.Agent({ keepAlive: true }) };
  return async (url, { method, headers, body, signal }) => {
    if (url.startsWith('https:')) tls ??= loadTls(ca);
    const { request: begin, agent } = (await tls) ?? plain;
    return new Promise((resolve, reject) => {
      const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
      const request = begin(
        url,
        {
          method,
          headers: { ...headers, ...length, ...(via === undefined ? {} : { 'x-myserver-via': via }) },
          agent,
          ...(socketPath === undefined ? {} : { socketPath }),
          ...(signal === undefined ? {} : { signal }),
        },
        (response) => {
          const chunks: Buffer[] = [];
          let bytes = 0;
          response.on('data', (chunk: Buffer) => {
            chunks.push(chunk);
            bytes += chunk.length;
            if (bytes > mostBytes) request.destroy(new Error(`the answer is longer than ${mostBytes} bytes`));
          });
          response.on('error', (error) => reject(meaning(error, url, socketPath)));
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8');
            resolve({ status: response.statusCode ?? 0, text: () => Promise.resolve(text) });
          });
        },
      );
      request.setTimeout(silenceMs, () => request.destroy(new Error(`no answer for ${silenceMs / 1000} s`)));
      request.on('error', (error) => reject(meaning(error, url, socketPath)));
      request.end(body);
    });
  };
}

interface TlsParts {
  readonly request: typeof http.request;
  readonly agent: http.Agent;
}

/** Loaded for https:// alone: it would double the time in which the program starts. */
async function loadTls(ca: string | undefined): Promise<TlsParts> {
  const [https, tls] = await Promise.all([import('node:https'), import('node:tls')]);
  const trust = ca === undefined ? {} : { ca: [...tls.rootCertificates, ca] };
  return { request: https.request, agent: new https.Agent({ keepAlive: true, ...trust }) };
}

/** What a failed connection means to the person who typed the command. */
function meaning(error: Error & { readonly code?: string }, url: string, socketPath: string | undefined): Fault<ErrorCode> {
  const options = { cause: error };
  const where = socketPath ?? new URL(url).origin;
  if (error.name === 'AbortError') return fault('cancelled', 'interrupted', options);
  if (error.code === 'EACCES') return fault('not-allowed', `${where} is for root: use sudo, or sign in with "myserver login"`, options);
  if (socketPath !== undefined)
    return fault(
      'control-unreachable',
      `control does not answer at ${where} (${error.message}): is it running? "sudo ./up" starts it`,
      options,
    );
  if (error.code === 'ENOTFOUND' || error.code === 'EAI_AGAIN')
    return fault('control-unreachable', `there is no host "${new URL(url).hostname}" in the name service: check the address`, options);
  if (error.code !== undefined && /CERT|SELF_SIGNED|ISSUER|SIGNATURE|ERR_TLS/u.test(error.code))
    return fault(
      'control-unreachable',
      `the certificate of ${where} is not to be trusted (${error.message}): name the authority that signed it with --ca FILE`,
      options,
    );
  return fault(
    'control-unreachable',
    `nobody answers as myserver at ${where} (${error.message}): check the address, or ask whether control runs`,
    options,
  );
}
