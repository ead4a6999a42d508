/** Our own few pages: plain, without scripts, never kept; the same as JSON for programs. */
import type { WebRoute } from '../../core/web-route.ts';

export interface Page {
  readonly status: number;
  /** For programs: `server-stopped`. */
  readonly code: string;
  readonly title: string;
  /** Sentences; what stands between backquotes is to be typed. */
  readonly sentences: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly link?: { readonly href: string; readonly text: string };
  /** Name and password, sent to the page's own address. */
  readonly form?: { readonly button: string; readonly leadsTo: string | undefined; readonly problem: string | undefined };
  /** Sent in place of all that, for who is to keep it. */
  readonly file?: { readonly type: string; readonly content: string };
}

/** `portal`: where people sign in; undefined where this is that place, or there is none. */
export function frontPage(publicHost: string, portal: string | undefined): Page {
  return {
    status: 200,
    code: 'myserver',
    title: 'myserver',
    sentences: [
      `Servers of ${publicHost}: what server 123 publishes at its port 80 is at \`/www/123/\`, what it has at port 8000 at \`/usr/123/\`.`,
      'A server of your own is made with `myserver create`.',
    ],
    ...(portal === undefined ? {} : { link: { href: `${portal}/`, text: 'Sign in' } }),
  };
}

export function filePage(type: string, content: string): Page {
  return { status: 200, code: 'file', title: '', sentences: [], file: { type, content } };
}

/** For programs, and for who asks for no page. */
export function signInFirstPage({ id, door }: WebRoute): Page {
  return {
    status: 401,
    code: 'not-signed-in',
    title: 'Sign in first',
    sentences: [`What server ${id} has here (${door}) is for people who may visit it: open this address in a browser and sign in.`],
  };
}

export function fromElsewherePage({ id, door }: WebRoute): Page {
  return {
    status: 403,
    code: 'from-elsewhere',
    title: 'Asked by the page of somebody else',
    sentences: [
      `What server ${id} has here (${door}) is for people who may visit it, and for its own pages: the page of another site made the browser ask for this.`,
    ],
  };
}

export const goneLinkPage: Page = {
  status: 403,
  code: 'not-signed-in',
  title: 'This link is over',
  sentences: ['It has run out, or was taken back. Whoever gave it to you can make another.'],
};

export interface SignInAsked {
  readonly id: number;
  readonly door: string;
  readonly origin: string;
  readonly problem: string | undefined;
}

export function signInPage({ id, door, origin, problem }: SignInAsked): Page {
  return {
    status: 200,
    code: 'sign-in',
    title: 'Sign in',
    sentences: [
      `What server ${id} shows at ${door} is not for everybody. Sign in with your name and password here; the server does not see them.`,
    ],
    form: { button: 'Sign in', leadsTo: origin, problem },
  };
}

export function startPage({ id, problem }: Pick<SignInAsked, 'id' | 'problem'>): Page {
  return {
    status: 200,
    code: 'start',
    title: `Start server ${id}`,
    sentences: ['Whoever may start it does so with their name and password.'],
    form: { button: 'Start', leadsTo: undefined, problem },
  };
}

export function startedPage(id: number): Page {
  return { status: 200, code: 'started', title: `Server ${id} is starting`, sentences: ['Its pages are there in some seconds.'] };
}

export function refusedPage(status: number, sentence: string): Page {
  return { status, code: 'bad-request', title: 'This cannot be asked', sentences: [capital(`${sentence}.`)] };
}

export const notFoundPage: Page = {
  status: 404,
  code: 'not-found',
  title: 'There is nothing here',
  sentences: ['Pages of servers are at `/www/ID/` and `/usr/ID/`.'],
};

export const startingPage: Page = {
  status: 503,
  code: 'starting',
  title: 'Just starting',
  sentences: ['The servers are not known here yet. Try again in a second.'],
  headers: { 'retry-after': '1' },
};

export function nobodyPage(id: number | undefined): Page {
  return {
    status: 404,
    code: 'no-such-server',
    title: id === undefined ? 'There is no such server' : `There is no server ${id}`,
    sentences: ['It may have been dropped, or the address is not quite right. Whoever has servers here sees them with `myserver list`.'],
  };
}

export function notPublicPage({ id, port }: WebRoute): Page {
  return {
    status: 403,
    code: 'not-public',
    title: `This page of server ${id} is not public`,
    sentences: [
      `Who may enter the server reaches it through SSH: \`ssh -L ${port === 80 ? 8080 : port}:server-${id}:${port} ${id}@HOST\`.`,
      'Its owner makes it public with `myserver set`.',
    ],
  };
}

/** `startUrl`: where whoever may do so starts it with a click. */
export function stoppedPage({ id }: WebRoute, startUrl: string | undefined): Page {
  return {
    status: 503,
    code: 'server-stopped',
    title: `Server ${id} is stopped`,
    sentences: [`If it is yours: \`myserver start ${id}\` starts it, and this page will be there again.`],
    headers: { 'retry-after': '30' },
    ...(startUrl === undefined ? {} : { link: { href: startUrl, text: 'Start it' } }),
  };
}

/** How a server did not answer. */
export type Failure = 'refused' | 'unreachable' | 'slow' | 'broken';

export function failurePage(failure: Failure, { id, port }: { readonly id: number; readonly port: number }): Page {
  const known: Readonly<Record<Failure, Omit<Page, 'headers'>>> = {
    refused: {
      status: 502,
      code: 'nobody-listens',
      title: `Server ${id} has no program at port ${port}`,
      sentences: [
        `The server runs, and nothing listens at its port ${port} just now.`,
        `If it is yours: \`myserver ssh ${id}\`, then \`ss -ltn\` shows what listens; a program has to listen at every address, not at 127.0.0.1 alone.`,
      ],
    },
    unreachable: {
      status: 504,
      code: 'unreachable',
      title: `Server ${id} cannot be reached`,
      sentences: [`It does not take a connection at port ${port}. If it is yours: \`myserver info ${id}\` tells how it is.`],
    },
    slow: {
      status: 504,
      code: 'no-answer',
      title: `Server ${id} does not answer`,
      sentences: [
        `The program at its port ${port} took the request and says nothing.`,
        `If it is yours: \`myserver ssh ${id}\`, and look at what it is busy with.`,
      ],
    },
    broken: {
      status: 502,
      code: 'broken-answer',
      title: `Server ${id} broke off`,
      sentences: [`What came from its port ${port} is no whole answer of HTTP. If it is yours: the program's own log tells more.`],
    },
  };
  return known[failure];
}

/** For who shows it in our stead. */
export function pageText(page: Page, format: 'html' | 'json'): string {
  return format === 'json' ? jsonOf(page) : htmlOf(page);
}

function jsonOf({ status, code, title, sentences }: Page): string {
  const message = [`${title}.`, ...sentences.map((text) => text.replaceAll('`', '"'))].join(' ');
  return `${JSON.stringify(status === 200 ? { message } : { error: { code, message } })}\n`;
}

function htmlOf({ title, sentences, link, form }: Page): string {
  const paragraphs = sentences.map((text) => `<p>${escaped(text).replaceAll(/`([^`]*)`/gu, '<code>$1</code>')}</p>`);
  if (link !== undefined) paragraphs.push(`<p><a class="button" href="${escaped(link.href)}">${escaped(link.text)}</a></p>`);
  if (form !== undefined) paragraphs.push(formOf(form));
  const style =
    'body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem;color-scheme:light dark}code{font-size:1.05em}label{display:block;margin:.5rem 0}input{font:inherit;padding:.3rem;width:15rem;max-width:100%}button,.button{font:inherit;padding:.4rem 1.2rem;border:1px solid;border-radius:.3rem;text-decoration:none;color:inherit;background:none}';
  return `<!doctype html>\n<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(title)}</title><style>${style}</style>\n<h1>${escaped(title)}</h1>\n${paragraphs.join('\n')}\n</html>\n`;
}

function formOf({ button, problem }: NonNullable<Page['form']>): string {
  return [
    ...(problem === undefined ? [] : [`<p role="alert"><strong>${escaped(capital(problem))}</strong></p>`]),
    '<form method="post">',
    '<label>Name<br><input name="person" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus></label>',
    '<label>Password<br><input name="password" type="password" autocomplete="current-password" required></label>',
    `<button>${escaped(button)}</button>`,
    '</form>',
  ].join('\n');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
