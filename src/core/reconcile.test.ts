import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { parseGeneration, parseServerId } from './ids.ts';
import { type Actual, compare, nextStep } from './reconcile.ts';

const states = ['running', 'stopped', 'paused', 'missing', 'unknown'] as const;
const wants = ['creating', 'running', 'stopped', 'dropping'] as const;
const generation = (n: number) => parseGeneration(`00000000-0000-4000-8000-${String(n).padStart(12, '0')}`);
const instance = (n: number, installation: string): Actual => ({
  name: `s${n}`,
  state: 'running',
  tags: { installation, generation: generation(n), id: parseServerId(n) },
});

suite('nextStep', () => {
  test('nextStep destroys nothing but what the store holds as dropping', () => {
    for (const wanted of wants) for (const seen of states) assert.equal(nextStep(wanted, seen).kind === 'drop', wanted === 'dropping');
  });

  test('nextStep never makes an empty server in place of one that ran and is missing', () => {
    assert.deepEqual(nextStep('running', 'missing'), { kind: 'report-missing' });
    assert.deepEqual(nextStep('stopped', 'missing'), { kind: 'report-missing' });
  });

  test('nextStep does nothing about what the engine cannot tell, except to finish a drop', () => {
    for (const wanted of ['creating', 'running', 'stopped'] as const) assert.deepEqual(nextStep(wanted, 'unknown'), { kind: 'nothing' });
  });

  test('nextStep settles: after each step is done, the next look finds nothing to do', () => {
    assert.deepEqual(nextStep('running', 'running'), { kind: 'nothing' });
    assert.deepEqual(nextStep('stopped', 'stopped'), { kind: 'nothing' });
    assert.deepEqual(nextStep('running', 'stopped'), { kind: 'start' });
    assert.deepEqual(nextStep('stopped', 'running'), { kind: 'stop' });
    assert.deepEqual(nextStep('creating', 'missing'), { kind: 'create' });
    assert.deepEqual(nextStep('creating', 'stopped'), { kind: 'create' });
    assert.deepEqual(nextStep('creating', 'running'), { kind: 'conclude-create' });
  });
});

suite('compare', () => {
  const wanted = (n: number) => ({ id: parseServerId(n), generation: generation(n), wanted: 'running' as const });

  test('compare calls an empty store beside another installation’s servers a mismatch', () => {
    const result = compare('new', [], [instance(1, 'old'), instance(2, 'old')]);
    assert.equal(result.isMismatch, true);
    assert.deepEqual(
      result.strangers.map(({ why, id }) => [why, id]),
      [
        ['other-installation', 1],
        ['other-installation', 2],
      ],
    );
  });

  test('compare calls neither an empty engine nor one with an untagged instance a mismatch', () => {
    assert.equal(compare('a', [wanted(1)], []).isMismatch, false);
    assert.equal(compare('a', [], [{ name: 'x', state: 'running', tags: undefined }]).isMismatch, false);
  });

  test('compare finds in a day-old store the server made since as a stranger and the one dropped since as missing', () => {
    const result = compare('a', [wanted(1), wanted(2)], [instance(2, 'a'), instance(3, 'a')]);
    assert.equal(result.seen.get(generation(1)), 'missing');
    assert.equal(result.seen.get(generation(2)), 'running');
    assert.deepEqual(result.strangers, [{ name: 's3', why: 'unknown-generation', id: 3 }]);
    assert.equal(result.isMismatch, false);
  });

  test('compare puts every instance in exactly one place, whatever the world looks like', () => {
    const world = fc.uniqueArray(fc.nat(20), { maxLength: 15 });
    fc.assert(
      fc.property(world, world, fc.array(fc.constantFrom('a', 'b'), { minLength: 21, maxLength: 21 }), (stored, present, marks) => {
        const result = compare(
          'a',
          stored.map(wanted),
          present.map((n) => instance(n, marks[n] ?? 'a')),
        );
        const matched = [...result.seen.values()].filter((state) => state !== 'missing').length;
        assert.equal(result.seen.size, stored.length);
        assert.equal(matched + result.strangers.length, present.length);
      }),
    );
  });
});
