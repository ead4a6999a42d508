import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { makeTurns } from './turns.ts';

suite('turns', () => {
  test('so many at once of each, the others in their order, and nobody waits for somebody else’s', async () => {
    const turns = makeTurns(2);
    const began: string[] = [];
    const begin = async (whose: string, name: string) => {
      const leave = await turns.take(whose);
      began.push(name);
      return leave;
    };
    const [a, b] = [await begin('x', 'a'), await begin('x', 'b')];
    const [c, d] = [begin('x', 'c'), begin('x', 'd')];
    await begin('y', 'other');
    assert.deepEqual(began, ['a', 'b', 'other']);
    a();
    a();
    await c;
    assert.deepEqual(began, ['a', 'b', 'other', 'c'], 'a turn ends once');
    b();
    await d;
    assert.deepEqual(began.at(-1), 'd');
  });
});
