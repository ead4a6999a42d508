/**
 * Writing files straight onto the disk of an instance that has never run, where its pool is mounted on this host. Through Incus the same takes a helper
 * program, a connection and a wait for its end: a tenth of a second of each creation.
 *
 * The image decides what its tree looks like, and whoever wrote it shall write nothing outside of it: every directory on the way is opened from its
 * parent, by its own name, and a link is refused (openat(2) with O_NOFOLLOW, for which Node needs /proc/self/fd). So nothing is gained by changing the
 * tree meanwhile, either.
 */
import { constants } from 'node:fs';
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileToPush } from '../../core/provision.ts';
import { pathOfDisk, type DiskPlace } from './incus-disk.ts';

const asDirectory = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const asNewFile = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Directories first and in order, then the files, each in one step. Throws whatever the system says; where the pool is not seen from here, that is
 * `ENOENT`, and nothing was written. What was written may still be on its way to the disk (one `settleDisk` for all took a fifth of a sync for each).
 */
export async function writeOnDisk(place: DiskPlace, name: string, files: readonly FileToPush[]): Promise<void> {
  await using root = await open(join(pathOfDisk(place, name), 'rootfs'), asDirectory);
  const { uid, gid } = await root.stat();
  // Incus shifts the owners at the first start where the kernel cannot do it while mounting; ours are the ones from before.
  if (uid !== 0 || gid !== 0) throw new Error(`the disk of ${name} has its owners shifted already`);
  for (const file of files) if (file.kind === 'directory') await makeDirectory(root, file);
  await Promise.all(files.map(async (file) => await (file.kind === 'file' ? writeFile(root, file) : undefined)));
}

async function makeDirectory(root: FileHandle, { path, mode, uid, gid }: FileToPush): Promise<void> {
  const { directory, base } = await parentOf(root, path);
  await using parent = directory;
  await mkdir(within(parent, base), { mode: 0o700 }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  });
  await using made = await open(within(parent, base), asDirectory);
  await made.chown(uid, gid);
  await made.chmod(mode);
}

async function writeFile(root: FileHandle, file: Extract<FileToPush, { kind: 'file' }>): Promise<void> {
  const { path, mode, uid, gid, content } = file;
  const { directory, base } = await parentOf(root, path);
  await using parent = directory;
  const beside = within(parent, `${base}.myserver-new`);
  // What a killed writer left.
  await rm(beside, { force: true });
  await using written = await open(beside, asNewFile, 0o600);
  await written.chown(uid, gid);
  await written.chmod(mode);
  await written.writeFile(content);
  await rename(beside, within(parent, base));
}

/** The directory that holds `path`, opened, and the last part of the name. The caller closes it. */
async function parentOf(root: FileHandle, path: string): Promise<{ readonly directory: FileHandle; readonly base: string }> {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  const base = names.pop();
  if (base === undefined || base === '..' || names.includes('..')) throw new Error(`"${path}" names no file`);
  let directory = await open(within(root, '.'), asDirectory);
  for (const name of names) {
    await using parent = directory;
    directory = await open(within(parent, name), asDirectory);
  }
  return { directory, base };
}

function within({ fd }: FileHandle, name: string): string {
  return `/proc/self/fd/${fd}/${name}`;
}
