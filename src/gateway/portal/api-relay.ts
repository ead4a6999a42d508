/** The public API for people elsewhere, `https://host/api/v1/`: passed on to control as it was asked, with no more of its head than control has a use for. */
import { Agent, type IncomingMessage, request as ask, type ServerResponse } from 'node:http';
import { clientAddressHeader } from '../../contract/portal.ts';
import { clientAddressOf } from '../http/behind-front.ts';
import { leaveTime } from '../http/left-over.ts';
import { sendJson } from '../http/send-json.ts';

export type ApiRelay = (request: IncomingMessage, response: ServerResponse, target: string) => void;

const inward = [
  'accept',
  'authorization',
  'content-type',
  'content-length',
  'idempotency-key',
  'last-event-id',
  'origin',
  'transfer-encoding',
  'x-myserver-via',
] as const;
const outward = ['allow', 'cache-control', 'content-type', 'content-length', 'retry-after', 'x-accel-buffering'] as const;

const problem = (code: string, message: string) => ({ error: { code, message } });
const away = problem('control-unreachable', 'the manager of this host does not answer just now: try again in a minute');
const strange = problem('not-allowed', 'pages of other sites may not use this API');

export function makeApiRelay(socketPath: string): ApiRelay {
  const agent = new Agent({ keepAlive: true });
  return (request, response, target) => {
    if (!isFromHere(request)) return sendJson(request, response, 403, strange);
    const asked = ask({ socketPath, agent, method: request.method, path: target, headers: inwardFields(request) });
    // Whoever goes takes the question along: control stops long polls and streams then.
    response.once('close', () => asked.destroy());
    asked.once('error', () => {
      if (response.headersSent) response.destroy();
      else sendJson(request, response, 503, away);
    });
    asked.once('response', (told) => {
      const fields = outward.flatMap((name) => (told.headers[name] === undefined ? [] : ([[name, told.headers[name]]] as const)));
      response.writeHead(told.statusCode ?? 502, {
        ...Object.fromEntries(fields),
        'x-content-type-options': 'nosniff',
        ...leaveTime(request, response),
      });
      // A stream of events begins with its head: whoever asked waits for it.
      response.flushHeaders();
      told.once('error', () => response.destroy());
      told.pipe(response);
    });
    request.pipe(asked);
  };
}

/** A browser says from whose page a request is. Nothing rides along with one, so this is the second wall. */
export function isFromHere({ headers: { origin, host, 'sec-fetch-site': site } }: Pick<IncomingMessage, 'headers'>): boolean {
  if (origin !== undefined) return origin === `https://${host ?? ''}`;
  return site === undefined || site === 'same-origin' || site === 'none';
}

function inwardFields(request: IncomingMessage) {
  const fields = inward.flatMap((name) => (request.headers[name] === undefined ? [] : ([[name, request.headers[name]]] as const)));
  return { ...Object.fromEntries(fields), host: 'localhost', [clientAddressHeader]: clientAddressOf(request) };
}
