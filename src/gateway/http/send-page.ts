/** A page of ours as the answer to a request. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { leaveTime } from './left-over.ts';
import { type Page, pageText } from './pages.ts';

export function sendPage(request: IncomingMessage, response: ServerResponse, page: Page): void {
  const isJson =
    /\bapplication\/(?:[\w.-]+\+)?json\b/u.test(request.headers.accept ?? '') && !/\btext\/html\b/u.test(request.headers.accept ?? '');
  const body = page.file?.content ?? pageText(page, isJson ? 'json' : 'html');
  response.writeHead(page.status, {
    'content-type': page.file?.type ?? (isJson ? 'application/json' : 'text/html; charset=utf-8'),
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'content-security-policy': `default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action ${formActionOf(page)}`,
    'x-content-type-options': 'nosniff',
    // A form without a referrer has no origin either, and is not believed.
    'referrer-policy': page.form === undefined ? 'no-referrer' : 'same-origin',
    ...page.headers,
    ...leaveTime(request, response),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** Browsers hold where an answer to a form leads against it too (CSP3, section 6.4.2). */
function formActionOf({ form }: Page): string {
  return form === undefined ? "'none'" : ["'self'", ...(form.leadsTo === undefined ? [] : [form.leadsTo])].join(' ');
}
