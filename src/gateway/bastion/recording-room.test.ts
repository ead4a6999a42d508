import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { watchRoom } from './recording-room.ts';

const gib = 2 ** 30;
const diskOf = (totalGib: number, freeGib: number) => ({ bsize: 4096, blocks: (totalGib * gib) / 4096, bavail: (freeGib * gib) / 4096 });

suite('watchRoom', () => {
  test('a gibibyte and a twentieth of the disk are left free; it looks once a second, and nobody waits', async () => {
    let nowMs = 0;
    let looks = 0;
    let disk: ReturnType<typeof diskOf> | Error = diskOf(10, 1.1);
    const isLow = watchRoom(
      '/somewhere',
      () => nowMs,
      async () => {
        looks += 1;
        if (disk instanceof Error) throw disk;
        return await Promise.resolve(disk);
      },
    );
    const afterSecond = async () => {
      nowMs += 1000;
      isLow();
      await turn();
      return isLow();
    };
    assert.equal(await afterSecond(), false);
    disk = diskOf(10, 0.9);
    assert.equal(isLow(), false);
    assert.equal(looks, 1);
    assert.equal(await afterSecond(), true);
    disk = diskOf(100, 4.9);
    assert.equal(await afterSecond(), true);
    disk = diskOf(100, 5.1);
    assert.equal(await afterSecond(), false);
    disk = new Error('no such directory');
    assert.equal(await afterSecond(), false);
    assert.equal(looks, 5);
  });
});
