/** What one connection was refused, for the audit: the first of a kind at once, and how many more there were when it is over. */
import type { Entry, Ledger } from './ledger.ts';

export interface Refusals {
  note(what: Omit<Entry, 'credential'>): void;
  /** Once, when the connection is over. */
  end(): void;
}

export function makeRefusals(ledger: Ledger, credential: string): Refusals {
  const seen = new Map<string, { readonly what: Omit<Entry, 'credential'>; more: number }>();
  return {
    note(what) {
      // Whoever tries a thousand ports is one who tries ports.
      const key = JSON.stringify([what.kind, what.server?.generation, what.detail.replaceAll(/\d+/gu, '')]);
      const known = seen.get(key);
      if (known !== undefined) return void (known.more += 1);
      seen.set(key, { what, more: 0 });
      ledger.refuse({ ...what, credential });
    },
    end() {
      for (const { what, more } of seen.values())
        if (more > 0) ledger.refuse({ ...what, credential, detail: `${more} more like it: ${what.detail}` });
      seen.clear();
    },
  };
}
