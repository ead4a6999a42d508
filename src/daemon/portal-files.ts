import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Where the build laid the portal: beside the program, or in `dist` where the source is run. */
export function portalFiles(): string {
  const beside = join(import.meta.dirname, 'portal');
  return existsSync(beside) ? beside : join(import.meta.dirname, '../../dist/portal');
}
