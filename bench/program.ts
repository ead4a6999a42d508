/** The program as it is installed: bundled by `scripts/build.ts`, in a directory that goes with the figure. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildProgram } from '../scripts/build.ts';

export interface BuiltProgram extends AsyncDisposable {
  readonly path: string;
}

/** `entry`: another program than the manager, bundled in the same way. */
export async function builtProgram(entry?: string): Promise<BuiltProgram> {
  const dir = await mkdtemp(join(tmpdir(), 'myserver-bench-'));
  await (entry === undefined ? buildProgram(join(dir, 'program')) : buildProgram(join(dir, 'program'), { myserver: entry }));
  return { path: join(dir, 'program', 'myserver.js'), [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) };
}
