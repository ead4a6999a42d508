/** WebSockets and whatever else a connection may become (RFC 9110, section 7.8), where the server agrees to it: from then on bytes both ways. */
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { inwardHead, outwardHead } from './heads.ts';
import { type Failure, failurePage, type Page, refusedPage } from './pages.ts';
import { sendPage } from './send-page.ts';
import type { Passing, ProxyParts } from './proxy.ts';
import { askServer, failureOf, hasBody, isAnswer, reasonOf } from './server-request.ts';

export function passUpgrade(request: IncomingMessage, client: Socket, first: Buffer, passing: Passing, parts: ProxyParts): void {
  const { route } = passing;
  if (hasBody(request)) return answerInstead(request, client, refusedPage(400, 'a request with a body cannot change the protocol'));
  const { asked, waitForAnswer } = askServer({
    ...parts.times,
    agent: false,
    route,
    method: request.method ?? 'GET',
    path: passing.path,
    head: inwardHead(request.rawHeaders, passing, request.headers.upgrade),
  });
  const over = parts.live.add({ route, claims: passing.visitor?.claims }, () => {
    asked.destroy();
    client.destroy();
  });
  client.once('close', () => {
    over();
    asked.destroy();
  });
  client.on('error', () => asked.destroy());
  let hasBegun = false;
  const fail = (failure: Failure) => {
    if (hasBegun || client.destroyed) return;
    hasBegun = true;
    answerInstead(request, client, failurePage(failure, route));
  };
  asked.on('error', (error) => fail(failureOf(error)));
  asked.once('response', (answer) => {
    if (!isAnswer(answer)) {
      fail('broken');
      return void answer.on('error', () => {}).destroy();
    }
    hasBegun = true;
    answer.once('error', () => client.destroy());
    const response = responseOn(request, client);
    response.writeHead(answer.statusCode ?? 502, reasonOf(answer), [...outwardHead(answer.rawHeaders, passing), 'Connection', 'close']);
    answer.pipe(response);
  });
  asked.once('upgrade', (answer, server, early) => {
    hasBegun = true;
    client.write(headText(answer, outwardHead(answer.rawHeaders, passing, true)), 'latin1');
    if (early.length > 0) client.write(early);
    if (first.length > 0) server.write(first);
    join(client, server);
    join(server, client);
  });
  waitForAnswer();
  asked.end();
}

/** An end of one side is passed on, so that the other may still say its last word; a break is a break for both. */
function join(from: Duplex, to: Duplex): void {
  from.pipe(to);
  from.on('error', () => to.destroy());
  from.once('close', () => void (from.readableEnded ? undefined : to.destroy()));
}

function headText(answer: IncomingMessage, head: readonly string[]): string {
  const lines = [`HTTP/1.1 ${answer.statusCode} ${reasonOf(answer)}`];
  for (let at = 0; at + 1 < head.length; at += 2) lines.push(`${head[at]}: ${head[at + 1]}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** Where it comes to no change of protocol: one answer, and the end of the connection. */
export function answerInstead(request: IncomingMessage, client: Socket, page: Page): void {
  sendPage(request, responseOn(request, client), { ...page, headers: { ...page.headers, connection: 'close' } });
}

function responseOn(request: IncomingMessage, client: Socket): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(client);
  response.once('finish', () => client.end());
  return response;
}
