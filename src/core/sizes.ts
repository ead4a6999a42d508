/** Sizes as people write them (`512M`, `5G`) and as programs count them (bytes). Binary units: 1K = 1024. */
import { fault } from './errors.ts';
import { shorten } from './ids.ts';

const unitBytes: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/**
 * Bytes of `5G`, `512M`, `512MB`, `512MiB`, `1.5g`, `1073741824`.
 * Throws `bad-size` for anything else and beyond 2**53. `what` is used in the sentence: "memory".
 */
export function parseSize(text: string, what: string): number {
  const match = /^(\d{1,16}(?:\.\d{1,3})?)\s*([kmgt]?)(?:i?b)?$/iu.exec(text.trim());
  const unit = unitBytes[(match?.[2] ?? '').toUpperCase()] ?? 1;
  const bytes = match === null ? Number.NaN : Math.round(Number(match[1]) * unit);
  if (!Number.isSafeInteger(bytes))
    throw fault('bad-size', `"${shorten(text)}" is not a size for the ${what}: write for example 512M or 5G`);
  return bytes;
}

/** The shortest exact text: `5G`, `512M`, `1536M`, `1000`. */
export function formatSize(bytes: number): string {
  for (const unit of ['T', 'G', 'M', 'K'] as const) {
    const size = unitBytes[unit] ?? 1;
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return String(bytes);
}
