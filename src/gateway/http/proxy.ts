/** One request to a server and its answer back: streamed both ways at the pace of the slower side, nothing kept. */
import type { Agent, ClientRequest, IncomingMessage, InformationEvent, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import type { WebRoute } from '../../core/web-route.ts';
import { inwardHead, outwardHead, type Passage } from './heads.ts';
import { leaveTime } from './left-over.ts';
import type { Live } from './live.ts';
import { failurePage } from './pages.ts';
import { sendPage } from './send-page.ts';

import { plainHead, repairingOf, wantsRepair } from './repair/repairing.ts';
import { askServer, failureOf, hasBody, isAnswer, reasonOf, type ServerTimes, wasKeptTooLong } from './server-request.ts';

export interface Passing extends Passage {
  readonly route: WebRoute;
  /** As the server is to be asked: path and query. */
  readonly path: string;
}

export interface ProxyParts {
  readonly agent: Agent;
  readonly live: Live;
  readonly times: ServerTimes;
}

export function proxy(request: IncomingMessage, response: ServerResponse, passing: Passing, parts: ProxyParts): void {
  const { route } = passing;
  let current: ClientRequest | undefined;
  const over = parts.live.add({ route, claims: passing.visitor?.claims }, () => {
    current?.destroy();
    response.destroy();
  });
  response.once('close', () => {
    over();
    // Also where all was sent: then it does nothing.
    current?.destroy();
  });

  const isRepaired = passing.prefix !== '' && wantsRepair(route.repair, request);

  function ask(isAgain: boolean): void {
    const inward = inwardHead(request.rawHeaders, passing);
    const { asked, waitForAnswer } = askServer({
      ...parts.times,
      agent: parts.agent,
      route,
      method: request.method ?? 'GET',
      path: passing.path,
      head: framed(request, isRepaired ? plainHead(inward) : inward),
    });
    current = asked;
    asked.once('response', (answer) => relay(request, response, answer, passing, isRepaired));
    asked.on('information', (early) => tellEarly(response, early, passing));
    asked.once('continue', () => response.writeContinue());
    // Nobody asked for another protocol.
    asked.once('upgrade', (_answer, socket) => {
      socket.destroy();
      sendPage(request, response, failurePage('broken', route));
    });
    asked.once('error', (error) => {
      // What its answer lacks then is told by the answer.
      if (response.headersSent || response.destroyed) return;
      if (!isAgain && !hasBody(request) && wasKeptTooLong(asked, error)) return ask(true);
      sendPage(request, response, failurePage(failureOf(error), route));
    });
    // One is told; none may be nobody's.
    asked.on('error', () => {});
    send(request, asked, waitForAnswer);
  }

  ask(false);
}

/** The body, and what comes behind it. A client that breaks off breaks off the request to the server too. */
function send(request: IncomingMessage, asked: ClientRequest, waitForAnswer: () => void): void {
  if (!hasBody(request)) {
    waitForAnswer();
    return void asked.end();
  }
  asked.flushHeaders();
  request.once('end', () => {
    if (request.rawTrailers.length > 0) asked.addTrailers(pairsOf(request.rawTrailers));
    waitForAnswer();
    asked.end();
  });
  request.once('aborted', () => asked.destroy());
  request.on('error', () => asked.destroy());
  request.pipe(asked, { end: false });
}

/** How long the body is must be said to the server as it was said to us: by its length, or in pieces. */
function framed(request: IncomingMessage, head: readonly string[]): readonly string[] {
  if (request.headers['transfer-encoding'] !== undefined) return [...head, 'Transfer-Encoding', 'chunked'];
  const isUsual = /^(?:POST|PUT|PATCH)$/u.test(request.method ?? '');
  return isUsual && request.headers['content-length'] === undefined ? [...head, 'Content-Length', '0'] : head;
}

function relay(request: IncomingMessage, response: ServerResponse, answer: IncomingMessage, passing: Passing, isRepaired: boolean): void {
  if (response.destroyed) return void answer.destroy();
  if (!isAnswer(answer)) {
    answer.on('error', () => {}).destroy();
    return sendPage(request, response, failurePage('broken', passing.route));
  }
  const plain = outwardHead(answer.rawHeaders, passing);
  const repairing = isRepaired ? repairingOf(answer, plain, passing.route.repair, passing) : undefined;
  const head = repairing?.head ?? plain;
  const leftOver = Object.entries(leaveTime(request, response)).flat();
  response.writeHead(answer.statusCode ?? 502, reasonOf(answer), [...head, ...leftOver]);
  // With the first of the body, if that is here already; it is written once then.
  setImmediate(() => response.destroyed || response.flushHeaders());
  answer.once('end', () => {
    if (answer.rawTrailers.length > 0) response.addTrailers(pairsOf(answer.rawTrailers));
  });
  // Where the server breaks off, so does this: a cut answer must not look whole.
  const cut = () => response.destroy();
  if (repairing !== undefined) return void pipeline([answer, ...repairing.through, response], (error) => void (error && cut()));
  answer.once('error', cut);
  answer.once('close', () => void (answer.complete || cut()));
  answer.pipe(response);
}

/** Informational answers that are of the request's path, not of one connection (RFC 9110, section 15.2; RFC 8297). */
function tellEarly(response: ServerResponse, { statusCode, rawHeaders }: InformationEvent, passage: Passage): void {
  if (response.headersSent || response.destroyed) return;
  if (statusCode === 102) response.writeInformation(102);
  if (statusCode !== 103) return;
  const links = pairsOf(outwardHead(rawHeaders, passage)).filter(([name]) => name.toLowerCase() === 'link');
  if (links.length > 0) response.writeInformation(103, { link: links.map(([, value]) => value) });
}

function pairsOf(raw: readonly string[]): readonly (readonly [string, string])[] & [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) pairs.push([raw[at] ?? '', raw[at + 1] ?? '']);
  return pairs;
}
