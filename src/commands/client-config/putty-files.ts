/** PuTTY's own files outside Windows: `sessions/NAME` and `sshhostkeys` in its directory. */
import type { Machine } from '../context.ts';
import type { FileChange } from './file-change.ts';
import { puttyHostKeys, puttySessions, withHostKeys, withSettings } from './putty.ts';
import type { Sites } from './sites.ts';

export async function puttyFileChanges(machine: Machine, dir: string, sites: Sites): Promise<readonly FileChange[]> {
  const changes: FileChange[] = [];
  const add = async (path: string, edit: (text: string) => string) => {
    const before = await machine.readText(path);
    changes.push({ path, before, after: edit(before ?? '') });
  };
  for (const { name, settings } of puttySessions(sites)) await add(`${dir}/sessions/${name}`, (text) => withSettings(text, settings));
  const keys = puttyHostKeys(sites);
  if (keys.size > 0) await add(`${dir}/sshhostkeys`, (text) => withHostKeys(text, keys));
  return changes;
}
