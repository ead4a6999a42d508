/** What a request line and its Host mean (RFC 9112, section 3): parsed once, before anything else is decided. */
import type { IncomingMessage } from 'node:http';

export type Target =
  | { readonly kind: 'fine'; readonly host: string; readonly target: string }
  | { readonly kind: 'refused'; readonly status: 400 | 405 | 414; readonly sentence: string };

const longestTarget = 8192;

export function readTarget({
  method = '',
  url = '',
  rawHeaders,
  httpVersion,
}: Pick<IncomingMessage, 'method' | 'url' | 'rawHeaders' | 'httpVersion'>): Target {
  const hosts = rawHeaders.filter((_text, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === 'host');
  const [host = ''] = hosts;
  if (method === 'TRACE' || method === 'CONNECT') return refused(405, `${method} is not done here`);
  if (url.length > longestTarget) return refused(414, `the address is longer than ${longestTarget} characters`);
  if (hosts.length > 1 || (hosts.length === 0 && httpVersion !== '1.0')) return refused(400, 'a request names one Host');
  if (!/^[\w.:[\]-]*$/u.test(host)) return refused(400, 'that Host is no name of a host');
  if (url.startsWith('/')) return { kind: 'fine', host, target: url };
  if (url === '*') return method === 'OPTIONS' ? { kind: 'fine', host, target: '/' } : refused(400, 'that address is none');
  // The absolute form, which a proxy is asked by: this one is no proxy for the world.
  const [, named = '', rest = ''] = /^https?:\/\/([^/?#]*)(.*)$/isu.exec(url) ?? [];
  if (named === '' || named.toLowerCase() !== host.toLowerCase()) return refused(400, 'this is no proxy for other hosts');
  return { kind: 'fine', host, target: rest.startsWith('/') ? rest : `/${rest}` };
}

function refused(status: 400 | 405 | 414, sentence: string): Target {
  return { kind: 'refused', status, sentence };
}
