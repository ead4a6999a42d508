/**
 * IPv4 arithmetic for the plan and the rules. Strict on purpose: `127.1` and `0177.0.0.1` are addresses to some parsers and not to others, so they are
 * none here (RFC 6943, 3.1.1).
 */

export interface Network {
  /** `192.168.0.0/16` */
  readonly text: string;
  /** The network's own address as a number. */
  readonly first: number;
  /** Its broadcast address. */
  readonly last: number;
  readonly prefix: number;
}

/** Four decimal numbers without leading zeros, as an unsigned 32-bit number; undefined for every other text. */
export function ipv4Number(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/u.exec(text);
  if (match === null) return undefined;
  let value = 0;
  for (const part of match.slice(1)) {
    if (Number(part) > 255 || (part.length > 1 && part.startsWith('0'))) return undefined;
    value = value * 256 + Number(part);
  }
  return value;
}

export function ipv4Text(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

/** A network with all its host bits zero, `a.b.c.d/0..32`; undefined for every other text. */
export function ipv4Network(text: string): Network | undefined {
  const match = /^([\d.]+)\/(\d{1,2})$/u.exec(text);
  const first = ipv4Number(match?.[1] ?? '');
  const prefix = Number(match?.[2]);
  if (first === undefined || !(prefix <= 32)) return undefined;
  const size = 2 ** (32 - prefix);
  return first % size === 0 ? { text: `${ipv4Text(first)}/${prefix}`, first, last: first + size - 1, prefix } : undefined;
}

export function overlap(one: Network, other: Network): boolean {
  return one.first <= other.last && other.first <= one.last;
}
