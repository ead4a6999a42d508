import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { aptReader, squashReader, stagesOf, type Progress } from './progress.ts';

suite('progress of a build', () => {
  const lines = fc.constantFrom(
    'Get:1 http://mirror.example/debian bookworm InRelease [151 kB]',
    'Get:2 http://mirror.example/debian bookworm/main amd64 Packages [8790 kB]',
    'Get:7 http://mirror.example/debian bookworm/main amd64 nano amd64 7.2-1 [690 kB]',
    'Unpacking nano (7.2-1) ...',
    'Setting up nano (7.2-1) ...',
    '[======|      ] 120/5678  2%',
    '[============|] 5678/5678 100%',
    'anything else',
  );

  test('the fraction never falls, never leaves 0..1, and is told only when something changed', () => {
    fc.assert(
      fc.property(fc.array(lines, { maxLength: 400 }), fc.integer({ min: 1, max: 50 }), (said, packages) => {
        const seen: Progress[] = [];
        const stages = stagesOf({ bootstrap: 20, pack: 5 }, (progress) => seen.push(progress));
        const readers = [aptReader(stages('bootstrap'), packages), squashReader(stages('pack'))];
        for (const line of said) for (const read of readers) read(line);
        for (const [index, { fraction, step }] of seen.entries()) {
          const before = seen[index - 1];
          assert.ok(fraction >= (before?.fraction ?? 0) && fraction <= 1);
          assert.ok(before === undefined || fraction > before.fraction || step !== before.step);
        }
      }),
    );
  });

  test('aptReader comes to its end when every package is set up', () => {
    const seen: Progress[] = [];
    const read = aptReader(stagesOf({ only: 1 }, (progress) => seen.push(progress))('only'), 2);
    for (let list = 1; list <= 6; list += 1) read(`Get:${list} http://mirror.example/debian bookworm InRelease [151 kB]`);
    for (const name of ['nano', 'less']) read(`Unpacking ${name} (1) ...`);
    for (const name of ['nano', 'less']) read(`Setting up ${name} (1) ...`);
    assert.equal(seen.at(-1)?.fraction, 1);
    assert.deepEqual(new Set(seen.map(({ step }) => step)), new Set(['reading package lists', 'unpacking and configuring packages']));
  });

  test('squashReader reads mksquashfs’s own bar', () => {
    const seen: Progress[] = [];
    squashReader(stagesOf({ only: 1 }, (progress) => seen.push(progress))('only'))('[=====-      ] 2839/5678  50%');
    assert.deepEqual(seen, [{ step: 'packing the file system', fraction: 0.5 }]);
  });
});
