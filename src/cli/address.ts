/** The address of myserver as people write it. */
import { BlockList, isIP } from 'node:net';
import { fault } from '../core/errors.ts';
import { shorten } from '../core/ids.ts';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** `https://host[:port]` of what was written; without a scheme it is https. Throws `bad-request`. */
export function parseAddress(text: string): string {
  const whole = /^[a-z][a-z\d+.-]*:\/\//iu.test(text) ? text : `https://${text}`;
  const url = URL.canParse(whole) ? new URL(whole) : undefined;
  if (url === undefined || !/^https?:$/u.test(url.protocol))
    throw fault('bad-request', `"${shorten(text)}" is not an address of myserver: write for example https://servers.example.org`);
  if (url.username !== '' || url.password !== '')
    throw fault('bad-request', 'a name or password inside an address ends up in histories and logs: leave it out and use --user');
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
    throw fault('bad-request', `"${shorten(text)}" has a path: write the host alone, for example ${url.origin}`);
  return url.origin;
}

function isLoopback(address: string): boolean {
  const host = new URL(address).hostname.replace(/^\[|\]$/gu, '');
  if (host === 'localhost' || host.endsWith('.localhost')) return true;
  const version = isIP(host);
  return version !== 0 && loopback.check(host, version === 4 ? 'ipv4' : 'ipv6');
}

/** A password or token over plain HTTP can be read by everybody on the way. Throws `bad-request` unless the person insists. */
export function requireSafe(address: string, insecureHttp: boolean | undefined): void {
  if (address.startsWith('https:') || isLoopback(address) || insecureHttp === true) return;
  throw fault(
    'bad-request',
    `${address} is plain HTTP: everybody on the way could read your password. Use https://, or add --insecure-http if you accept that`,
  );
}
