import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { fault } from '../../core/errors.ts';
import { makeControlRoom } from '../../testing/control-room.ts';

const full = () => fault('pool-full', 'the pool has no room left');

suite('a full pool', () => {
  for (const call of ['create', 'pushFiles', 'start'] as const)
    test(`create that meets a full pool at ${call} waits for what was dropped to be freed, and tries once more`, async () => {
      await using room = await makeControlRoom();
      const ada = await room.as('ada');
      room.engine.failNext(call, full());
      const { operations } = await room.control.servers.create(ada, {});
      const ended = await room.control.operations.wait(ada, operations[0]?.id ?? '', 10_000);
      assert.deepEqual([ended.state, ended.error], ['done', undefined]);
      assert.equal(room.engine.calls.filter((one) => one === 'reclaim').length, 1);
    });

  test('create and start give up when the pool is still full after that', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    for (let i = 0; i < 2; i += 1) room.engine.failNext('create', full());
    const failed = await room.control.servers.create(ada, {});
    const ended = await room.control.operations.wait(ada, failed.operations[0]?.id ?? '', 10_000);
    assert.deepEqual([ended.state, ended.error?.code], ['failed', 'pool-full']);
    assert.deepEqual(await room.store.servers.list(), []);
    const made = await room.control.servers.create(ada, { start: false });
    await room.control.operations.wait(ada, made.operations[0]?.id ?? '', 10_000);
    for (let i = 0; i < 2; i += 1) room.engine.failNext('start', full());
    const { id } = await room.control.servers.start(ada, 0);
    assert.equal((await room.control.operations.wait(ada, id, 10_000)).error?.code, 'pool-full');
  });
});
