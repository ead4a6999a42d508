/** The version of this copy of myserver, from the package.json above it: the checkout's, or the one installed beside the bundle. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export async function readVersion(): Promise<string> {
  for (let dir = dirname(fileURLToPath(import.meta.url)); dir !== dirname(dir); dir = dirname(dir)) {
    const text = await readFile(join(dir, 'package.json'), 'utf8').catch(() => {});
    if (text !== undefined) return (JSON.parse(text) as { version?: string }).version ?? 'unknown';
  }
  return 'unknown';
}
