/** The OpenSSH configuration in a person's files: a part of one file, and where that is our own, a part of `~/.ssh/config` that includes it. */
import { fault } from '../../core/errors.ts';
import type { Machine } from '../context.ts';
import { type FileChange, diffText } from './file-change.ts';
import { putSection, takeSection } from './marked-section.ts';

export interface SshFiles {
  readonly machine: Machine;
  /** Each prefix has a part of its own, so that several installations stand side by side. */
  readonly prefix: string;
  readonly path: string;
  /** The file whose Include names `path`. */
  readonly including: string | undefined;
}

/** No prefix is this. */
const includeLabel = '(include)';

export async function includeChanges({ machine, prefix, path, including }: SshFiles, text: string): Promise<readonly FileChange[]> {
  const own = await changeOf(machine, path, (before) => putSection(before, prefix, text, path));
  if (including === undefined) return [own];
  // In the first line, before any Host: behind one it would count for that host alone.
  return [own, await changeOf(machine, including, (before) => putSection(before, includeLabel, `Include ${quoted(path)}\n`, including))];
}

export async function removalChanges({ machine, prefix, path, including }: SshFiles): Promise<readonly FileChange[]> {
  const own = await changeOf(machine, path, (before) => takeSection(before, prefix, path));
  if (including === undefined || own.after !== undefined) return [own];
  return [own, await changeOf(machine, including, (before) => takeSection(before, includeLabel, including))];
}

/** What is told of it: a diff where it is a trial. */
export async function changeFiles(
  machine: Machine,
  changes: readonly FileChange[],
  isTrial: boolean,
): Promise<{ readonly paths: readonly string[]; readonly text: string }> {
  const real = changes.filter(({ before, after }) => before !== after);
  const paths = real.map(({ path }) => path);
  if (isTrial) return { paths, text: real.map(diffText).join('') };
  // An Include comes last and goes last: whatever happens between, ssh finds no broken configuration.
  for (const { path, after } of real) await machine.writeText(path, after);
  return { paths, text: paths.length === 0 ? 'Nothing to change.\n' : paths.map((path) => `Changed ${path}\n`).join('') };
}

/** To ssh an empty file and none are the same; we leave none. */
async function changeOf(machine: Machine, path: string, edit: (before: string) => string): Promise<FileChange> {
  const before = await machine.readText(path);
  const after = edit(before ?? '');
  return { path, before, after: after === '' && before !== '' ? undefined : after };
}

/** Include's file names are patterns (glob(7)). */
function quoted(path: string): string {
  if (/["\\*?[\]\n\r]/u.test(path)) throw fault('cannot-here', `ssh cannot include "${path}": write to another file with --write FILE`);
  return /\s/u.test(path) ? `"${path}"` : path;
}
