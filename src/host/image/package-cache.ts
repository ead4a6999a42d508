/** Fetched packages kept from one build to the next. A convenience: whatever is wrong with it, the build goes on without. */
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlive, ownMark } from './places.ts';

export interface PackageCache extends AsyncDisposable {
  readonly dir: string;
  /** Removes every package that is not one of those installed in `root`, so that old versions do not pile up. */
  prune(root: string): Promise<void>;
}

/** The packages under `cacheDir`, or an empty directory `insteadDir` when there is none or another process builds with it: apt locks it. */
export async function keptPackages(cacheDir: string | undefined, insteadDir: string): Promise<PackageCache> {
  const lock = cacheDir === undefined ? undefined : join(cacheDir, 'building');
  if (cacheDir !== undefined && lock !== undefined) {
    await mkdir(cacheDir, { recursive: true });
    if (await takeLock(lock)) {
      return { dir: cacheDir, prune: (root) => prune(cacheDir, root), [Symbol.asyncDispose]: () => rm(lock, { force: true }) };
    }
  }
  await mkdir(insteadDir, { recursive: true });
  return { dir: insteadDir, prune: async () => {}, [Symbol.asyncDispose]: async () => {} };
}

async function takeLock(lock: string): Promise<boolean> {
  const holder = await readFile(lock, 'utf8').catch(() => undefined);
  if (holder !== undefined) {
    if (await isAlive(holder)) return false;
    await rm(lock, { force: true });
  }
  return writeFile(lock, await ownMark(), { flag: 'wx' }).then(
    () => true,
    () => false,
  );
}

async function prune(cacheDir: string, root: string): Promise<void> {
  const installed = packageFilesIn(await readFile(join(root, 'var/lib/dpkg/status'), 'utf8'));
  for (const name of await readdir(cacheDir)) {
    if (name.endsWith('.deb') && !installed.has(name)) await rm(join(cacheDir, name), { force: true });
  }
}

/** The names under which apt keeps the packages of a dpkg status file: an epoch's colon is written as `%3a`. */
export function packageFilesIn(status: string): ReadonlySet<string> {
  const names = status.split(/\n\n+/u).map((stanza) => {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'mu').exec(stanza)?.[1] ?? '';
    return `${field('Package')}_${field('Version').replaceAll(':', '%3a')}_${field('Architecture')}.deb`;
  });
  return new Set(names);
}
