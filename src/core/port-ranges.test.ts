import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { formatPortRanges, includesPorts, joinPortRanges, parsePortRanges, type PortRange } from './port-ranges.ts';

const port = fc.integer({ min: 1, max: 200 });
const ranges = fc.array(
  fc.tuple(port, port).map(([a, b]): PortRange => [Math.min(a, b), Math.max(a, b)]),
  { maxLength: 12 },
);

function portsIn(list: readonly PortRange[]): ReadonlySet<number> {
  return new Set(list.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, index) => first + index)));
}

suite('port ranges', () => {
  test('parsePortRanges reads what the kernel writes, an empty set too', () => {
    assert.deepEqual(parsePortRanges('2000-2999,8080\n'), [
      [2000, 2999],
      [8080, 8080],
    ]);
    assert.deepEqual(parsePortRanges('\n'), []);
  });

  test('formatPortRanges keeps every port, adds none, and is its own inverse', () => {
    fc.assert(
      fc.property(ranges, (list) => {
        const back = parsePortRanges(formatPortRanges(list));
        assert.deepEqual(portsIn(back), portsIn(list));
        assert.deepEqual(joinPortRanges(back), back);
      }),
    );
  });

  test('includesPorts agrees with the sets of ports themselves', () => {
    fc.assert(
      fc.property(ranges, ranges, (have, wanted) => {
        assert.equal(includesPorts(have, wanted), portsIn(wanted).isSubsetOf(portsIn(have)));
      }),
    );
  });
});
