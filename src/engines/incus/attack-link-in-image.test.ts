/** An image whose tree leads out of it by links: what is written for a new server stays inside, or is not written at all. */
import assert from 'node:assert/strict';
import { chown, lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import type { FileToPush } from '../../core/provision.ts';
import { writeOnDisk } from './incus-disk-files.ts';

interface Disk extends AsyncDisposable {
  readonly root: string;
  readonly outside: string;
  write(...files: readonly FileToPush[]): Promise<void>;
}

/** A directory laid out as Incus lays out its own, and one beside it that nobody may touch. */
async function makeDisk(): Promise<Disk> {
  const dir = await mkdtemp(join(tmpdir(), 'myserver-disk-'));
  const place = { socket: join(dir, 'unix.socket'), project: 'myserver', pool: 'p', enter: [] };
  const root = join(dir, 'storage-pools/p/containers/myserver_s1-aa/rootfs');
  const outside = join(dir, 'outside');
  await mkdir(join(root, 'etc'), { recursive: true });
  await mkdir(join(root, 'home'));
  await mkdir(outside, { mode: 0o755 });
  await writeFile(join(outside, 'passwd'), 'theirs\n', { mode: 0o644 });
  return {
    root,
    outside,
    write: (...files) => writeOnDisk(place, 's1-aa', files),
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
}

const file = (path: string, content = 'ours\n'): FileToPush => ({ path, kind: 'file', content, mode: 0o640, uid: 7, gid: 42 });
const directory = (path: string): FileToPush => ({ path, kind: 'directory', mode: 0o700, uid: 1000, gid: 1001 });

async function assertUntouched({ outside }: Disk): Promise<void> {
  assert.deepEqual(await readdir(outside), ['passwd']);
  assert.equal(await readFile(join(outside, 'passwd'), 'utf8'), 'theirs\n');
  for (const path of [outside, join(outside, 'passwd')]) assert.equal((await stat(path)).uid, 0);
  assert.equal((await stat(outside)).mode & 0o777, 0o755);
}

suite('attack: a link in the image', () => {
  test('writeOnDisk writes with the mode and owner that are stated, new and over what was there', async () => {
    await using disk = await makeDisk();
    for (const content of ['one\n', 'longer than one\n']) {
      await disk.write(file('/home/ann/x', content), file('/etc/passwd', content), directory('/home/ann'));
      for (const path of ['home/ann/x', 'etc/passwd']) {
        const { mode, uid, gid } = await stat(join(disk.root, path));
        assert.deepEqual([mode & 0o7777, uid, gid, await readFile(join(disk.root, path), 'utf8')], [0o640, 7, 42, content]);
      }
      const { mode, uid, gid } = await stat(join(disk.root, 'home/ann'));
      assert.deepEqual([mode & 0o7777, uid, gid, await readdir(join(disk.root, 'home/ann'))], [0o700, 1000, 1001, ['x']]);
    }
  });

  test('a directory on the way that is a link out of the image is refused', async () => {
    await using disk = await makeDisk();
    await rm(join(disk.root, 'etc'), { recursive: true });
    for (const target of [disk.outside, '../../../../../outside']) {
      await symlink(target, join(disk.root, 'etc'));
      assert.equal(await readFile(join(disk.root, 'etc/passwd'), 'utf8'), 'theirs\n', 'the link leads outside');
      await assert.rejects(disk.write(file('/etc/passwd')), { code: 'ENOTDIR' });
      await rm(join(disk.root, 'etc'));
    }
    await assertUntouched(disk);
  });

  test('a directory to be made that is a link out of the image is refused', async () => {
    await using disk = await makeDisk();
    await symlink(disk.outside, join(disk.root, 'home/ann'));
    await assert.rejects(disk.write(directory('/home/ann')), { code: 'ENOTDIR' });
    await assertUntouched(disk);
  });

  test('a file that is a link out of the image is replaced, not followed', async () => {
    await using disk = await makeDisk();
    for (const name of ['passwd', 'passwd.myserver-new']) await symlink(join(disk.outside, 'passwd'), join(disk.root, 'etc', name));
    await disk.write(file('/etc/passwd'));
    assert.ok((await lstat(join(disk.root, 'etc/passwd'))).isFile());
    assert.deepEqual(await readdir(join(disk.root, 'etc')), ['passwd']);
    await assertUntouched(disk);
  });

  test('a root that is a link, and a path with "..", are refused', async () => {
    await using disk = await makeDisk();
    await assert.rejects(disk.write(file('/etc/../../../../../../../outside/passwd')), /names no file/u);
    await rm(disk.root, { recursive: true });
    await symlink(disk.outside, disk.root);
    await assert.rejects(disk.write(file('/passwd')), { code: 'ENOTDIR' });
    await assertUntouched(disk);
  });

  test('a disk whose owners Incus has shifted already is left to Incus', async () => {
    await using disk = await makeDisk();
    await chown(disk.root, 1_000_000, 1_000_000);
    await assert.rejects(disk.write(file('/etc/passwd')), /shifted/u);
    assert.deepEqual(await readdir(join(disk.root, 'etc')), []);
  });
});
