/** Where this machine's Incus has its programs. Distributions differ, and incusd needs the directory of its own helpers first on its PATH. */
import { access, constants } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fault } from '../core/errors.ts';

export interface IncusdProgram {
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
}

const places = ['/usr/libexec/incus/incusd', '/usr/lib/incus/incusd', '/opt/incus/bin/incusd', '/usr/sbin/incusd', '/usr/bin/incusd'];
const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Throws `cannot-here` when it is not installed. */
export async function findIncusd(): Promise<IncusdProgram> {
  for (const path of places) {
    try {
      await access(path, constants.X_OK);
    } catch {
      continue;
    }
    return { path, env: { PATH: `${dirname(path)}:${systemPath}` } };
  }
  throw fault('cannot-here', 'Incus is not installed on this machine (no incusd was found): run ./up, which installs it');
}
