/** Text as it should be, kept beside the tests. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';

/** Compares with a file under golden/; `UPDATE_GOLDEN=1` writes it. */
export async function golden(name: string, text: string): Promise<void> {
  const file = new URL(`golden/${name}`, import.meta.url);
  if (process.env['UPDATE_GOLDEN'] === '1') await writeFile(file, text);
  assert.equal(text, await readFile(file, 'utf8'));
}
