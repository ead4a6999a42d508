/** Names of the DNS, as people give them to their servers (RFC 1035, section 2.3.1; RFC 5890 for others than ASCII, which are written as they are on the wire). */
import { type Brand } from '../base/brand.ts';
import { fault } from './errors.ts';
import { shorten } from './ids.ts';

export type DomainName = Brand<string, 'DomainName'>;

const label = /^(?!-)[a-z\d-]{1,63}(?<!-)$/u;
/** Never anybody's (RFC 6761, RFC 6762, RFC 9476; `internal` by ICANN). */
const reserved = new Set(['localhost', 'local', 'invalid', 'test', 'onion', 'arpa', 'internal', 'alt']);

/** In lower case and without a dot at the end. `ours`: our own names; neither they nor what is under them are given away. Throws `bad-name`. */
export function parseDomainName(text: string, ours: readonly string[]): DomainName {
  const name = text.trim().toLowerCase().replace(/\.$/u, '');
  const labels = name.split('.');
  const last = labels.at(-1) ?? '';
  if (name.length > 253 || labels.length < 2 || !labels.every((one) => label.test(one)) || /^\d+$/u.test(last))
    throw fault(
      'bad-name',
      `"${shorten(text)}" is no name of the DNS: give one such as example.org or www.example.org (others than ASCII as xn--...)`,
    );
  if (reserved.has(last)) throw fault('bad-name', `names below ".${last}" belong to nobody`);
  const own = ours.map((one) => one.toLowerCase()).find((one) => name === one || name.endsWith(`.${one}`) || one.endsWith(`.${name}`));
  if (own !== undefined) throw fault('bad-name', `${name} belongs to this host (${own}): servers have their names below it by themselves`);
  return name as DomainName;
}

/** Where whoever may change a name's zone shows that they may. */
export function proofName(name: DomainName): string {
  return `_myserver-challenge.${name}`;
}
