/** Where somebody comes from, as everything that counts or throttles by it takes it: one notion, or an attacker goes where the coarser one is missing. */
import { ipv4Number } from './ipv4.ts';

/** An IPv4 peer of a socket that listens for both families is written as IPv6 (RFC 4291, 2.5.5.2): its IPv4 address. Everything else as it is. */
export function plainAddress(address: string): string {
  const [, tail = ''] = /^::ffff:([\d.]+)$/iu.exec(address) ?? [];
  return ipv4Number(tail) === undefined ? address : tail;
}

/**
 * An IPv4 address for itself; of IPv6 the /64, for whoever has one address of it has all 2^64, and another one for each try. A zone does not count.
 * What is no address stands for itself.
 */
export function networkOf(address: string): string {
  const plain = plainAddress(address).split('%', 1)[0]?.toLowerCase() ?? '';
  if (!plain.includes(':')) return plain;
  const [before = '', after] = plain.split('::');
  const head = groupsOf(before);
  const tail = groupsOf(after ?? '');
  const zeros = after === undefined ? [] : Array.from({ length: Math.max(0, 8 - head.length - tail.length) }, () => '0');
  const four = [...head, ...zeros, ...tail].slice(0, 4).map((group) => group.replace(/^0+(?=.)/u, ''));
  return `${four.join(':')}::/64`;
}

/** Everybody on this machine, and everybody behind a proxy on it, shares these. */
export function isLoopbackAddress(address: string): boolean {
  const plain = plainAddress(address);
  return plain === '::1' || (plain.startsWith('127.') && ipv4Number(plain) !== undefined);
}

function groupsOf(text: string): readonly string[] {
  return text === '' ? [] : text.split(':');
}
