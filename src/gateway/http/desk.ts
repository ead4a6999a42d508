/** Our own pages with a deed behind them: signing in for a port that is not public, entering it, leaving it, starting a server. Control decides each. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Fault } from '../../base/fault.ts';
import { toFault } from '../../core/errors.ts';
import { passCookie } from '../../core/web-pass.ts';
import { ownOrigin, portalOrigin, type WebOrigins } from '../../core/web-origins.ts';
import type { WebMap, WebRoute } from '../../core/web-route.ts';
import { clientAddressOf } from './behind-front.ts';
import { goneLinkPage, notFoundPage, type Page, refusedPage, signInPage, startedPage, startPage } from './pages.ts';
import { sendPage } from './send-page.ts';
import { wellKnown } from './well-known.ts';

/** What control is asked (contract/internal-web). */
export interface DeskLink {
  signIn(who: WhoSignsIn, place: Place): Promise<string>;
  enter(ticket: string, place: Place, fromAddress: string): Promise<{ readonly pass: string; readonly seconds: number }>;
  enterByLink(key: string, place: Place, fromAddress: string): Promise<{ readonly pass: string; readonly seconds: number }>;
  start(who: WhoSignsIn, id: number): Promise<void>;
}

export interface WhoSignsIn {
  readonly person: string;
  readonly password: string;
  readonly fromAddress: string;
}

interface Place {
  readonly generation: string;
  readonly door: string;
}

export interface Desk {
  /** On our own origin. */
  answerOwn(request: IncomingMessage, response: ServerResponse, target: string, map: WebMap): Promise<void>;
  /** On the origin of that port. */
  answerThere(request: IncomingMessage, response: ServerResponse, target: string, route: WebRoute): Promise<void>;
}

const longestForm = 4096;
const formMs = 10_000;

export function makeDesk(link: DeskLink, origins: WebOrigins): Desk {
  async function signIn(request: IncomingMessage, response: ServerResponse, asked: URLSearchParams, map: WebMap): Promise<void> {
    const id = Number(asked.get('server'));
    const door = asked.get('door') ?? '';
    const origin = ownOrigin(origins, id, door);
    const route = map.routeAt(id, door);
    if (route === undefined || origin === undefined) return sendPage(request, response, notFoundPage);
    const page = (problem?: string) => signInPage({ id, door, origin, problem });
    if (request.method !== 'POST') return sendPage(request, response, page());
    const who = await whoOf(request);
    if (who === undefined) return sendPage(request, response, refusedPage(400, 'this form was not filled in on this page'));
    try {
      const ticket = await link.signIn(who, route);
      const query = new URLSearchParams({ key: ticket, to: pathOf(asked.get('to')) });
      redirect(response, `${origin}${wellKnown.enter}?${query.toString()}`);
    } catch (error) {
      sendPage(request, response, asProblem(error, page));
    }
  }

  async function start(request: IncomingMessage, response: ServerResponse, asked: URLSearchParams): Promise<void> {
    const id = Number(asked.get('server'));
    if (!Number.isSafeInteger(id) || id < 0) return sendPage(request, response, notFoundPage);
    const page = (problem?: string) => startPage({ id, problem });
    if (request.method !== 'POST') return sendPage(request, response, page());
    const who = await whoOf(request);
    if (who === undefined) return sendPage(request, response, refusedPage(400, 'this form was not filled in on this page'));
    try {
      await link.start(who, id);
      sendPage(request, response, startedPage(id));
    } catch (error) {
      sendPage(request, response, asProblem(error, page));
    }
  }

  /** Undefined: another site made the browser send it. */
  async function whoOf(request: IncomingMessage): Promise<WhoSignsIn | undefined> {
    const { origin, 'sec-fetch-site': site } = request.headers;
    if (site === undefined ? origin !== portalOrigin(origins) : site !== 'same-origin') return undefined;
    const form = await readForm(request);
    if (form === undefined) return undefined;
    return { person: form.get('person') ?? '', password: form.get('password') ?? '', fromAddress: clientAddressOf(request) };
  }

  return {
    async answerOwn(request, response, target, map) {
      const { pathname, searchParams } = new URL(target, 'https://own');
      if (pathname === wellKnown.signIn) return await signIn(request, response, searchParams, map);
      if (pathname === wellKnown.start) return await start(request, response, searchParams);
      sendPage(request, response, notFoundPage);
    },

    async answerThere(request, response, target, route) {
      const { pathname, searchParams } = new URL(target, 'https://own');
      const cookie = (value: string, seconds: number) =>
        `${passCookie}=${value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=${seconds}`;
      if (pathname === wellKnown.leave) return redirect(response, '/', cookie('', 0));
      const key = searchParams.get('link');
      try {
        const from = clientAddressOf(request);
        const { pass, seconds } = await (key === null
          ? link.enter(searchParams.get('key') ?? '', route, from)
          : link.enterByLink(key, route, from));
        redirect(response, pathOf(searchParams.get('to')), cookie(pass, seconds));
      } catch (error) {
        const { code, message } = toFault(error);
        // Whoever comes back to an address that was used up begins anew.
        if (code === 'not-signed-in' && key !== null) return sendPage(request, response, goneLinkPage);
        if (code === 'not-signed-in') return redirect(response, pathOf(searchParams.get('to')));
        sendPage(request, response, refusedPage(503, message));
      }
    },
  };
}

function asProblem(error: unknown, page: (problem: string) => Page): Page {
  const { code, message }: Fault = toFault(error);
  const statuses: Readonly<Record<string, number>> = {
    'wrong-password': 403,
    'not-allowed': 403,
    'password-expired': 403,
    'too-many-tries': 429,
  };
  return { ...page(message), status: statuses[code] ?? 503, code };
}

function redirect(response: ServerResponse, location: string, cookie?: string): void {
  response.writeHead(303, {
    location,
    'content-length': 0,
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    ...(cookie === undefined ? {} : { 'set-cookie': cookie }),
  });
  response.end();
}

/** A path of the same origin; whatever could lead elsewhere is the first page. */
function pathOf(text: string | null): string {
  return text !== null && text.length < 4096 && /^\/(?![/\\])[\x21-\x7E]*$/u.test(text) ? text : '/';
}

/** Undefined: no form, or too much of one. */
async function readForm(request: IncomingMessage): Promise<URLSearchParams | undefined> {
  if (!(request.headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded')) return undefined;
  const timer = setTimeout(() => request.destroy(), formMs);
  try {
    const pieces: Buffer[] = [];
    let bytes = 0;
    for await (const piece of request) {
      bytes += (piece as Buffer).length;
      if (bytes > longestForm) return undefined;
      pieces.push(piece as Buffer);
    }
    return new URLSearchParams(Buffer.concat(pieces).toString());
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
