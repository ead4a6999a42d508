import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { makeFairQueue } from './fair-queue.ts';

/** Work that ends when told, and says when it has begun. */
function makeWork() {
  const began: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    began,
    work: (name: string) => () => {
      began.push(name);
      return new Promise<string>((resolve) => ends.set(name, () => resolve(name)));
    },
    end: async (name: string) => {
      ends.get(name)?.();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

suite('fair-queue', () => {
  test('makeFairQueue lets lanes take turns, so that one with much to do does not hold up another', async () => {
    const queue = makeFairQueue({ maxRunning: 1, maxWaiting: 100, maxWaitingInLane: 100 });
    const { began, work, end } = makeWork();
    const all = ['a1', 'a2', 'a3', 'b1', 'c1'].map((name) => queue.run(name.slice(0, 1), work(name)));
    for (const name of ['a1', 'b1', 'c1', 'a2', 'a3']) await end(name);
    assert.deepEqual(began, ['a1', 'b1', 'c1', 'a2', 'a3']);
    assert.deepEqual(await Promise.all(all), ['a1', 'a2', 'a3', 'b1', 'c1']);
  });

  test('makeFairQueue runs so many at once and of one lane one', async () => {
    const queue = makeFairQueue({ maxRunning: 2, maxWaiting: 100, maxWaitingInLane: 100 });
    const { began, work, end } = makeWork();
    const all = ['a1', 'a2', 'b1', 'c1'].map((name) => queue.run(name.slice(0, 1), work(name)));
    assert.deepEqual(began, ['a1', 'b1']);
    await end('a1');
    assert.deepEqual(began, ['a1', 'b1', 'c1']);
    for (const name of ['b1', 'c1', 'a2']) await end(name);
    assert.equal((await Promise.all(all)).length, 4);
  });

  test('makeFairQueue turns away what is too much, in one lane and in all, and goes on after a failure', async () => {
    const queue = makeFairQueue({ maxRunning: 1, maxWaiting: 3, maxWaitingInLane: 2 });
    const { work, end } = makeWork();
    const running = queue.run('a', () => work('a1')().then(() => Promise.reject(new Error('broken'))));
    const waiting = [queue.run('a', work('a2')), queue.run('a', work('a3'))];
    await assert.rejects(queue.run('a', work('a4')), { code: 'too-many-tries' });
    waiting.push(queue.run('b', work('b1')));
    await assert.rejects(queue.run('c', work('c1')), { code: 'too-many-tries' });
    await Promise.all([assert.rejects(running, /broken/u), end('a1')]);
    for (const name of ['b1', 'a2', 'a3']) await end(name);
    assert.deepEqual(await Promise.all(waiting), ['a2', 'a3', 'b1']);
  });
});
