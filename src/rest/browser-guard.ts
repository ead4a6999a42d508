/**
 * A browser on this host reaches 127.0.0.1 too, and runs pages of strangers. Two attacks: DNS rebinding (a stranger's name that resolves to 127.0.0.1;
 * told by the Host header, which the page cannot choose) and requests across sites (told by Origin and Sec-Fetch-Site, which it cannot choose either).
 * A page of one of our own servers is a stranger's page: it has our host name, but another port, which is another origin.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { fault } from '../core/errors.ts';
import { shorten } from '../core/ids.ts';

export interface BrowserGuardOptions {
  /** Names that people may use for this door, besides localhost and the loopback addresses. Without port. */
  readonly names: readonly string[];
  /** Origins beside the door's own whose pages may call: the portal's, `https://host`. */
  readonly origins: readonly string[];
}

const loopbackNames = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Throws `not-allowed`. */
export function guardAgainstPages(headers: IncomingHttpHeaders, { names, origins }: BrowserGuardOptions): void {
  const host = (headers.host ?? '').toLowerCase();
  const name = host.replace(/:\d{1,5}$/u, '');
  if (!loopbackNames.has(name) && !names.some((known) => known.toLowerCase() === name)) {
    throw fault('not-allowed', `this address does not answer for the name "${shorten(name)}"; use 127.0.0.1 or localhost`);
  }
  const { origin } = headers;
  const isOurs = origin === undefined || origin === `http://${host}` || origins.includes(origin);
  const site = headers['sec-fetch-site'];
  const isFromAfar = origin === undefined && site !== undefined && site !== 'none' && site !== 'same-origin';
  if (!isOurs || isFromAfar) {
    throw fault('not-allowed', `pages of ${origin === undefined ? 'other sites' : shorten(origin)} may not use this API`);
  }
}
