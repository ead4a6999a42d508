import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { silentLog } from '../base/log.ts';
import { type InstanceName, instanceNameOf, type Usage } from '../engines/engine.ts';
import { makeTestStore, takeOne } from '../store/store.testing.ts';
import { makeUsageSampler } from './usage-sampler.ts';

async function makeRoom() {
  await using undo = new AsyncDisposableStack();
  const t = undo.use(await makeTestStore());
  const { server: one } = await takeOne(t.store);
  const { server: two } = await takeOne(t.store);
  const asked: InstanceName[] = [];
  const usage: Usage = { memoryBytes: 5, diskBytes: undefined, cpuSeconds: 1.5, processes: 3, receivedBytes: 7, sentBytes: 8 };
  const state = { isAway: false };
  const sampler = makeUsageSampler({
    store: t.store,
    clock: t.clock,
    log: silentLog,
    world: { seenOf: (generation) => (generation === one.generation ? 'running' : 'stopped') },
    engine: {
      async usage(name) {
        asked.push(name);
        if (state.isAway) throw new Error('away');
        return await Promise.resolve(usage);
      },
    },
  });
  const kept = undo.move();
  return { ...t, one, two, asked, state, sampler, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

suite('the usage sampler', () => {
  test('keeps what each running server used, and asks of no other', async () => {
    await using room = await makeRoom();
    await room.sampler.sample();
    assert.deepEqual(room.asked, [instanceNameOf(room.one.id, room.one.generation)]);
    const [kept, ...more] = await room.store.usage.of(room.one.generation, 0);
    assert.deepEqual(kept, {
      generation: room.one.generation,
      atMs: room.clock.nowMs,
      memoryBytes: 5,
      diskBytes: undefined,
      cpuSeconds: 1.5,
      receivedBytes: 7,
      sentBytes: 8,
    });
    assert.deepEqual([more, await room.store.usage.of(room.two.generation, 0)], [[], []]);
  });

  test('keeps a day, and nothing of a server that is gone', async () => {
    await using room = await makeRoom();
    await room.sampler.sample();
    room.clock.nowMs += 86_400_001;
    await room.sampler.sample();
    assert.deepEqual(
      (await room.store.usage.of(room.one.generation, 0)).map(({ atMs }) => atMs),
      [room.clock.nowMs],
    );
    await room.store.usage.add([
      { generation: 'nobody' as never, atMs: 1, memoryBytes: 1, diskBytes: 1, cpuSeconds: 1, receivedBytes: 1, sentBytes: 1 },
    ]);
    assert.deepEqual(await room.store.usage.of('nobody' as never, 0), []);
  });

  test('an engine that is away ends a round and not the sampler', async () => {
    await using room = await makeRoom();
    room.state.isAway = true;
    await assert.rejects(room.sampler.sample(), /away/u);
    await room.sampler.start();
    await room.sampler.stop();
    room.state.isAway = false;
  });
});
