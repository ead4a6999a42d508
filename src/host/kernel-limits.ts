/**
 * Limits of the whole machine's kernel that many servers run into, all sharing root's account. Only ever raised: a larger value of an administrator's
 * stays.
 */
import { readFile, writeFile } from 'node:fs/promises';

/** Lowest value that will do; what breaks below it. */
export const kernelLimits = {
  /** 128 by default: about 20 systemd containers start, the others die silently. */
  'fs.inotify.max_user_instances': 65_536,
  'fs.inotify.max_user_watches': 1_048_576,
  /** Each container's sessions take keyrings: beyond it logins fail with "disk quota exceeded". */
  'kernel.keys.maxkeys': 20_000,
  'kernel.keys.maxbytes': 20_000_000,
} as const satisfies Record<string, number>;

/** Where /proc shows a setting. Interface names may hold dots, so the path is given with slashes where they matter. */
function settingPath(key: string): string {
  return `/proc/sys/${key.includes('/') ? key : key.replaceAll('.', '/')}`;
}

/** The setting's text, or undefined where this kernel has none of that name. */
export async function readSetting(key: string): Promise<string | undefined> {
  return readFile(settingPath(key), 'utf8').then(
    (text) => text.trim(),
    () => undefined,
  );
}

export async function writeSetting(key: string, value: string): Promise<void> {
  await writeFile(settingPath(key), `${value}\n`);
}

/** Raises what is too low, now. Where the kernel has no such limit there is nothing to raise. */
export async function raiseKernelLimits(): Promise<void> {
  for (const [key, least] of Object.entries(kernelLimits)) {
    const found = await readSetting(key);
    if (found !== undefined && Number(found) < least) await writeSetting(key, String(least));
  }
}
