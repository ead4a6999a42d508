import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { choosePoolBytes, diskSpaceAt, hostReserveBytes, leastPoolBytes } from './pool-size.ts';

const gib = 2 ** 30;
const disk = (freeGib: number) => ({ totalBytes: 1000 * gib, freeBytes: freeGib * gib });

suite('choosePoolBytes', () => {
  test('choosePoolBytes takes half of what is free beyond the reserve, and no more than is of use', () => {
    assert.equal(choosePoolBytes(disk(85)), 40 * gib);
    assert.equal(choosePoolBytes(disk(2000)), 256 * gib);
    assert.equal(choosePoolBytes(disk(11)), 6 * gib);
  });

  test('choosePoolBytes always leaves the reserve, asked or not', () => {
    const size = fc.double({ min: 0, max: 3000, noNaN: true });
    fc.assert(
      fc.property(size, fc.option(size, { nil: undefined }), (free, asked) => {
        try {
          const chosen = choosePoolBytes(disk(free), asked === undefined ? undefined : asked * gib);
          assert.ok(chosen >= leastPoolBytes);
          assert.ok(disk(free).freeBytes - chosen >= hostReserveBytes);
        } catch (error) {
          if (error instanceof assert.AssertionError) throw error;
        }
      }),
    );
  });

  test('choosePoolBytes refuses with the numbers', () => {
    assert.throws(() => choosePoolBytes(disk(9)), { code: 'pool-full', message: /only 9\.0 GiB are free/u });
    assert.throws(() => choosePoolBytes(disk(50), 46 * gib), {
      code: 'pool-full',
      message: /46\.0 GiB was asked for; 50\.0 GiB are free/u,
    });
    assert.throws(() => choosePoolBytes(disk(50), gib), { code: 'bad-size' });
  });

  test('diskSpaceAt answers for a place that is not there yet', async () => {
    assert.ok((await diskSpaceAt('/var/not-there/not-there')).totalBytes > 0);
  });
});
