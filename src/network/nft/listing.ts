/**
 * The kernel's own listing of our tables (`nft -j list table`) as one fingerprint: tables, sets with every element, chains with hooks and policies, rules
 * in their order. It leaves out what differs between two equal states: handles, and the order of a hash table's elements. (A mark of ours in the table
 * would be simpler, but nft 1.0.6 shows no comments in JSON, and a mark stays when the rule beside it is deleted.)
 */
import { createHash } from 'node:crypto';

type Json = Readonly<Record<string, unknown>>;

/** `listings`: what nft printed for one table each, always in the same order. Undefined when one is no listing. */
export function fingerprintOfListings(listings: readonly string[]): string | undefined {
  const hash = createHash('sha256');
  for (const text of listings) {
    const items = objectOf(parse(text))?.['nftables'];
    if (!Array.isArray(items)) return undefined;
    for (const item of items) {
      const [kind, body] = Object.entries(objectOf(item) ?? {})[0] ?? [];
      if (kind === undefined || kind === 'metainfo') continue;
      const { handle: _handle, elem, ...fields } = objectOf(body) ?? {};
      hash.update(JSON.stringify([kind, fields]));
      if (Array.isArray(elem))
        hash.update(
          elem
            .map((element) => JSON.stringify(element))
            .toSorted()
            .join('\n'),
        );
    }
  }
  return hash.digest('hex');
}

function objectOf(value: unknown): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
