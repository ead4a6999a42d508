import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { keptPackages, packageFilesIn } from './package-cache.ts';
import { isAlive, makePlace, ownMark, publish, sweep } from './places.ts';

async function temporaryDir() {
  const dir = await mkdtemp(join(tmpdir(), 'myserver-places-'));
  return { dir, [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) };
}

/** The mark of a process that has ended. */
async function deadMark(): Promise<string> {
  const child = spawn('true');
  await once(child, 'exit');
  return `${child.pid}-123456`;
}

suite('places of a build', () => {
  test('sweep removes what a dead process left, and nothing else', async () => {
    await using at = await temporaryDir();
    await using place = await makePlace(at.dir);
    const dead = join(at.dir, `.build-${await deadMark()}-aaaaaaaa`);
    const reused = join(at.dir, `.build-${process.pid}-1-aaaaaaaa`);
    const image = join(at.dir, 'debian12-minimal');
    for (const dir of [dead, reused, image]) {
      await mkdir(join(dir, 'tree'), { recursive: true });
      await writeFile(join(dir, 'tree/file'), 'x');
    }
    await sweep(at.dir);
    assert.deepEqual((await readdir(at.dir)).toSorted(), [place.dir.slice(at.dir.length + 1), 'debian12-minimal'].toSorted());
  });

  test('publish replaces an image by another, whole for whole', async () => {
    await using at = await temporaryDir();
    await using out = await makePlace(at.dir);
    const target = join(at.dir, 'debian12-minimal');
    for (const content of ['old', 'new']) {
      const finished = join(out.dir, 'debian12-minimal');
      await mkdir(finished);
      await writeFile(join(finished, 'rootfs.squashfs'), content);
      if (content === 'old') await writeFile(join(finished, 'extra'), '');
      await publish(finished, target, out.dir);
    }
    assert.deepEqual(await readdir(target), ['rootfs.squashfs']);
    assert.equal(await readFile(join(target, 'rootfs.squashfs'), 'utf8'), 'new');
  });

  test('isAlive tells a process from a later one with its PID', async () => {
    const mark = await ownMark();
    assert.equal(await isAlive(mark), true);
    assert.equal(await isAlive(`${process.pid}-1`), false);
    assert.equal(await isAlive(await deadMark()), false);
    assert.equal(await isAlive('rubbish'), false);
  });
});

suite('keptPackages', () => {
  test('keptPackages gives the cache to one build at a time, and to the next when its holder is dead', async () => {
    await using at = await temporaryDir();
    const [cache, instead] = [join(at.dir, 'cache'), join(at.dir, 'instead')];
    {
      await using first = await keptPackages(cache, instead);
      await using second = await keptPackages(cache, instead);
      assert.deepEqual([first.dir, second.dir], [cache, instead]);
    }
    await writeFile(join(cache, 'building'), await deadMark());
    await using third = await keptPackages(cache, instead);
    assert.equal(third.dir, cache);
  });

  test('prune keeps the packages that are installed in the tree, and no older ones', async () => {
    await using at = await temporaryDir();
    const status =
      'Package: bash-completion\nStatus: install ok installed\nArchitecture: all\nVersion: 1:2.11-6\n\nPackage: nano\nArchitecture: amd64\nVersion: 7.2-1\n';
    const expected = ['bash-completion_1%3a2.11-6_all.deb', 'nano_7.2-1_amd64.deb'];
    assert.deepEqual([...packageFilesIn(status)].slice(0, 2), expected);
    await mkdir(join(at.dir, 'tree/var/lib/dpkg'), { recursive: true });
    await writeFile(join(at.dir, 'tree/var/lib/dpkg/status'), status);
    await using cache = await keptPackages(join(at.dir, 'cache'), join(at.dir, 'instead'));
    for (const name of [...expected, 'nano_7.1-9_amd64.deb', 'lock']) await writeFile(join(cache.dir, name), '');
    await cache.prune(join(at.dir, 'tree'));
    assert.deepEqual((await readdir(cache.dir)).toSorted(), [...expected, 'building', 'lock'].toSorted());
  });
});
