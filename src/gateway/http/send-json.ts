/** JSON of ours as the answer to a request, kept by nobody. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { leaveTime } from './left-over.ts';

export function sendJson(request: IncomingMessage, response: ServerResponse, status: number, value: object): void {
  const body = `${JSON.stringify(value)}\n`;
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...leaveTime(request, response),
  });
  response.end(body);
}
