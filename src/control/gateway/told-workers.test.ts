import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { makeToldWorkers } from './told-workers.ts';

function makeRoom() {
  let now = 0;
  const workers = makeToldWorkers<{ readonly id: string }>({ now: () => now });
  return { workers, pass: (seconds: number) => void (now += seconds * 1000) };
}

suite('ToldWorkers', () => {
  test('a worker that is silent for more than a minute is gone with its sessions, and whoever told since is not', () => {
    const { workers, pass } = makeRoom();
    workers.told('one', [{ id: 'a' }], true);
    pass(40);
    workers.told('two', [{ id: 'b' }], false);
    assert.deepEqual(workers.sessions(), [{ id: 'a' }, { id: 'b' }]);
    assert.ok(workers.isListening());
    pass(30);
    assert.deepEqual(workers.sessions(), [{ id: 'b' }]);
    assert.ok(!workers.isListening());
  });

  test('nobody is said to be missing before there was time for a worker to tell', () => {
    const { workers, pass } = makeRoom();
    assert.ok(workers.isListening());
    pass(16);
    assert.ok(!workers.isListening());
    workers.told('one', [], true);
    assert.ok(workers.isListening());
    workers.told('one', [], false);
    assert.ok(!workers.isListening());
  });

  test('an ending is kept until its session is told of no more, or its worker is gone', () => {
    const { workers, pass } = makeRoom();
    workers.told('one', [{ id: 'a' }, { id: 'b' }], true);
    workers.end('a', 'enough');
    workers.end('b', 'enough');
    workers.told('one', [{ id: 'b' }], true);
    assert.deepEqual([workers.endingOf('a'), workers.endingOf('b')], [undefined, 'enough']);
    pass(61);
    assert.deepEqual(workers.sessions(), []);
    assert.equal(workers.endingOf('b'), undefined);
  });

  test('more workers than a gateway has are refused, and the known ones are heard', () => {
    const { workers, pass } = makeRoom();
    for (let each = 0; each < 256; each += 1) workers.told(`worker ${each}`, [], true);
    assert.throws(() => workers.told('one more', [], true), { code: 'not-allowed' });
    workers.told('worker 7', [{ id: 'a' }], true);
    assert.deepEqual(workers.sessions(), [{ id: 'a' }]);
    pass(61);
    workers.told('one more', [], true);
  });
});
