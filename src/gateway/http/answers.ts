/** From a request to its answer: decided first, then carried out. */
import type { Agent, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { messageOf } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import type { WebListener } from '../../core/web-origins.ts';
import type { Portal } from '../portal/portal.ts';
import { type Decision, type DecisionOptions, type DeskCall, type Known, makeDecide } from './decision.ts';
import { type DeskLink, makeDesk } from './desk.ts';
import { leaveTime } from './left-over.ts';
import { silenceMs } from './listener.ts';
import type { Live } from './live.ts';
import { notFoundPage, startingPage } from './pages.ts';
import { sendPage } from './send-page.ts';
import { proxy, type ProxyParts } from './proxy.ts';
import { answerInstead, passUpgrade } from './upgrade.ts';

export interface AnswersOptions extends DecisionOptions {
  readonly desk: DeskLink;
  readonly answerMs: number;
  readonly agent: Agent;
  readonly live: Live;
  /** What is at our own origin; undefined: nothing but a few pages. */
  readonly portal?: Portal | undefined;
  /** Undefined until control has said what there is. */
  readonly known: () => Known | undefined;
  readonly log: Log;
}

export interface Answers {
  onRequest(listener: WebListener, request: IncomingMessage, response: ServerResponse): void;
  onUpgrade(listener: WebListener, request: IncomingMessage, client: Socket, first: Buffer): void;
}

const connectMs = 3000;

export function makeAnswers(options: AnswersOptions): Answers {
  const { agent, live, answerMs, log, known } = options;
  const decide = makeDecide(options);
  const desk = makeDesk(options.desk, options.origins);
  const parts: ProxyParts = { agent, live, times: { connectMs, answerMs } };

  async function atDesk(request: IncomingMessage, response: ServerResponse, { target, at }: DeskCall): Promise<void> {
    const map = known()?.map;
    if (map === undefined) return sendPage(request, response, startingPage);
    await (at === undefined ? desk.answerOwn(request, response, target, map) : desk.answerThere(request, response, target, at));
  }

  function settle(request: IncomingMessage, response: ServerResponse, decision: Decision): void {
    if ('portal' in decision)
      return options.portal?.answer(request, response, decision.portal) === true
        ? undefined
        : settle(request, response, decision.otherwise);
    if ('passing' in decision) return proxy(request, response, decision.passing, parts);
    if ('page' in decision) return sendPage(request, response, decision.page);
    if ('desk' in decision) {
      atDesk(request, response, decision.desk).catch((error: unknown) => {
        log.error({ error: messageOf(error) }, 'a page of our own');
        response.destroy();
      });
      return;
    }
    const { status, location } = decision.redirect;
    response.writeHead(status, {
      location,
      'content-length': 0,
      vary: 'Referer, Cookie',
      'cache-control': 'no-store',
      ...leaveTime(request, response),
    });
    response.end();
  }

  return {
    onRequest: (listener, request, response) => settle(request, response, decide(request, listener, known())),

    onUpgrade(listener, request, client, first) {
      client.setTimeout(silenceMs, () => client.destroy());
      client.on('error', () => client.destroy());
      const decision = decide(request, listener, known());
      if ('passing' in decision) return passUpgrade(request, client, first, decision.passing, parts);
      if ('portal' in decision && options.portal?.upgrade(request, client, first, decision.portal) === true) return;
      answerInstead(request, client, 'page' in decision ? decision.page : notFoundPage);
    },
  };
}
