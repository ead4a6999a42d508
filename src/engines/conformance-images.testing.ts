/** What every engine must pass: the images it holds. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ConformanceRoom, rejectsWith, temporaryDirectory } from './conformance-room.testing.ts';
import type { ImageToImport } from './engine.ts';

export function testImages({ it, instance, stateOf }: ConformanceRoom): void {
  test('images: list shows the image, import again keeps one, of the same reference', async () => {
    const { engine, image } = it();
    const reference = `${image.system}/${image.type}`;
    const find = async () => (await engine.images.list()).filter((seen) => seen.reference === reference);
    const [first] = await find();
    assert.equal(first?.recipe, image.recipe);
    assert.ok(first.sizeBytes > 0 && first.createdMs > 0);
    const again = await engine.images.import(image);
    assert.equal(again.fingerprint, first.fingerprint);
    assert.equal((await find()).length, 1);
  });

  test('images.import: another recipe replaces the image of that name; servers of the old one live on', async () => {
    await using dir = await temporaryDirectory();
    const { engine, image } = it();
    const other: ImageToImport = { ...image, type: 'other', recipe: 'a' };
    // A squashfs may be followed by anything: the same tree, another fingerprint.
    const changed = join(dir.path, 'changed.squashfs');
    await writeFile(changed, Buffer.concat([await readFile(image.rootfsPath), Buffer.alloc(4096)]));
    const first = await engine.images.import({ ...other, rootfsPath: changed });
    await using made = await instance('running', { image: 'test/other' });
    const larger = join(dir.path, 'larger.squashfs');
    await writeFile(larger, Buffer.concat([await readFile(image.rootfsPath), Buffer.alloc(8192)]));
    const second = await engine.images.import({ ...other, rootfsPath: larger, recipe: 'b' });
    assert.notEqual(second.fingerprint, first.fingerprint);
    const seen = (await engine.images.list()).filter(({ reference }) => reference === 'test/other');
    assert.deepEqual(
      seen.map(({ fingerprint, recipe }) => ({ fingerprint, recipe })),
      [{ fingerprint: second.fingerprint, recipe: 'b' }],
    );
    await engine.images.remove('test/other');
    await engine.images.remove('test/other');
    assert.equal(await stateOf(made.name), 'running');
    await engine.kill(made.name);
    await engine.start(made.name);
    assert.ok(
      (await engine.images.list()).some(({ type }) => type === image.type),
      'the other image is still there',
    );
  });

  test('images.import: a cut, a foreign and a missing file are image-broken, and the image of that name stays', async () => {
    await using dir = await temporaryDirectory();
    const { engine, image } = it();
    const whole = await readFile(image.rootfsPath);
    const broken = { cut: whole.subarray(0, whole.length - 8192), foreign: randomBytes(8192) };
    for (const [kind, bytes] of Object.entries(broken)) {
      const rootfsPath = join(dir.path, kind);
      await writeFile(rootfsPath, bytes);
      await rejectsWith('image-broken', engine.images.import({ ...image, rootfsPath }), kind);
    }
    await rejectsWith('image-broken', engine.images.import({ ...image, rootfsPath: join(dir.path, 'none') }));
    await using made = await instance();
    assert.equal(await stateOf(made.name), 'stopped');
  });
}
