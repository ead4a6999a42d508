/** Addresses in CSS: `url(...)` and `@import "..."` (CSS Syntax, section 4; CSS Cascade, section 2). Everything else stays byte for byte. */
import { type Placed, mapped } from '../below-prefix.ts';
import type { Repair } from './repair.ts';

/** Longer than any address, shorter than what many visitors at once could make us keep. */
const longestToken = 8192;
const address = /(\burl\(\s*)(?:"([^"\\\n]*)"|'([^'\\\n]*)'|([^\s"'()\\]*))|(@import\s+)(?:"([^"\\\n]*)"|'([^'\\\n]*)')/giu;
/** What may be the beginning of one of these, at the end of a piece. */
const unfinished = /(?:\bu|\bur|\burl|\burl\(\s*(?:"[^"\n]*|'[^'\n]*|[^\s"'()\\]*)|@i?m?p?o?r?t?|@import\s+(?:"[^"\n]*|'[^'\n]*)?)$/iu;

export function repairCssText(css: string, placed: Placed): string {
  return css.replace(
    address,
    (whole: string, url?: string, double?: string, single?: string, bare?: string, rule?: string, d?: string, s?: string) => {
      const before = url ?? rule ?? '';
      if (double !== undefined || d !== undefined) return `${before}"${mapped(double ?? d ?? '', placed)}"`;
      if (single !== undefined || s !== undefined) return `${before}'${mapped(single ?? s ?? '', placed)}'`;
      return bare === undefined ? whole : before + mapped(bare, placed);
    },
  );
}

export function makeCssRepair(placed: Placed): Repair {
  let kept = '';
  return {
    write(piece) {
      const text = kept + piece;
      const from = unfinished.exec(text.slice(-longestToken))?.[0].length ?? 0;
      const end = from >= longestToken ? text.length : text.length - from;
      kept = text.slice(end);
      return repairCssText(text.slice(0, end), placed);
    },
    end() {
      const last = repairCssText(kept, placed);
      kept = '';
      return last;
    },
  };
}
