import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { subordinateIdsTrouble, withRootLine } from './subordinate-ids.ts';

suite('withRootLine', () => {
  const cases = [
    { name: 'an empty file', before: '', after: 'root:1000000:1000000000\n' },
    {
      name: 'two lines of root, the first good',
      before: 'root:2000000:100000000\nroot:1000000:65536\n',
      after: 'root:2000000:100000000\n',
    },
    {
      name: 'two lines of root, the last good',
      before: 'root:100000:65536\nann:200000:65536\nroot:1000000:1000000000',
      after: 'ann:200000:65536\nroot:1000000:1000000000\n',
    },
    { name: 'root by number', before: '0:100000:65536\n', after: 'root:1000000:1000000000\n' },
    { name: 'a line that names no range', before: 'root:\n', after: 'root:1000000:1000000000\n' },
    { name: 'a range among the users of the host', before: 'root:0:1000000000\n', after: 'root:1000000:1000000000\n' },
  ];
  for (const { name, before, after } of cases) {
    test(`withRootLine leaves one good line of root: ${name}`, () => {
      assert.notEqual(subordinateIdsTrouble(before), undefined);
      assert.equal(withRootLine(before), after);
      assert.equal(subordinateIdsTrouble(after), undefined);
      assert.equal(withRootLine(after), after);
    });
  }
});
