/** `kill -9` of control at each call it makes to store, engine and firewall, before and after the call took effect. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { instanceNameOf } from '../engines/engine.ts';
import { type ControlRoom, makeControlRoom } from '../testing/control-room.ts';
import type { Life } from '../testing/mortal.ts';
import type { Caller } from './caller.ts';
import type { ServerControl } from './control.ts';

/** A short life of a class: two servers made, one stopped, both dropped, another made. */
async function term(control: ServerControl, ada: Caller): Promise<void> {
  const { servers, operations } = control;
  const done = async (id: string | undefined) => await operations.wait(ada, id ?? '', 10_000);
  const made = await servers.create(ada, { count: 2 });
  for (const { id } of made.operations) await done(id);
  await done((await servers.stop(ada, 0)).id);
  await done((await servers.drop(ada, 0)).id);
  const again = await servers.create(ada, { id: 0 });
  await done(again.operations[0]?.id);
  await done((await servers.drop(ada, 1)).id);
}

/** Nothing is leaked or doubled: what the store has, the engine and the firewall have, and nothing else. */
async function assertWhole(room: ControlRoom, where: string): Promise<void> {
  const records = await room.store.servers.list();
  const instances = [...room.engine.world.instances.values()];
  assert.deepEqual(
    instances.map(({ name }) => name).toSorted(),
    records.map(({ id, generation }) => instanceNameOf(id, generation)).toSorted(),
    `${where}: instances`,
  );
  for (const record of records) {
    const state = room.engine.world.instances.get(instanceNameOf(record.id, record.generation))?.state;
    assert.equal(state, record.wanted, `${where}: server ${record.id}`);
    assert.equal(record.problem, undefined, `${where}: server ${record.id}`);
  }
  assert.equal(room.firewall.standing?.forwards.length ?? 0, records.length * 3, `${where}: forwards`);
  assert.equal(new Set(instances.map(({ address }) => address)).size, instances.length, `${where}: addresses`);
  assert.deepEqual(await room.store.operations.unfinished(), [], `${where}: operations`);
  assert.equal(await countInitialPasswords(room), 0, `${where}: forgotten password hashes`);
}

async function countInitialPasswords(room: ControlRoom): Promise<number> {
  const operations = await room.store.operations.list({ kind: 'create', limit: 100 });
  const kept = await Promise.all(
    operations.map(async ({ server }) => await room.store.keyring.get(`initial-password:${server?.generation}`)),
  );
  return kept.filter((pair) => pair !== undefined).length;
}

async function settled(room: ControlRoom): Promise<void> {
  const until = Date.now() + 10_000;
  while ((await room.store.operations.unfinished()).length > 0 && Date.now() < until) await sleep(5);
}

/** The calls of one whole term, counted. */
async function countCalls(): Promise<number> {
  await using room = await makeControlRoom();
  const ada = await room.as('ada');
  const life: Life = { calls: 0, endsAt: Number.POSITIVE_INFINITY, lastCall: 'is-done' };
  const control = await room.restart(life);
  await control.start();
  await term(control, ada);
  return life.calls;
}

/** Every seventh moment daily, every moment in the long tests: a crash test of each takes about 60 ms. */
const isLong = process.env['MYSERVER_TEST_LONG'] === '1';

suite('crash', () => {
  for (const lastCall of ['is-done', 'is-lost'] as const) {
    test(`control killed at any call (whose effect ${lastCall}) is followed by one that leaks and doubles nothing`, async () => {
      const total = await countCalls();
      assert.ok(total > 100, `only ${total} calls: what is tested here?`);
      for (let endsAt = lastCall === 'is-done' ? 1 : 2; endsAt <= total; endsAt += isLong ? 1 : 7) {
        await using room = await makeControlRoom();
        const ada = await room.as('ada');
        const life: Life = { calls: 0, endsAt, lastCall };
        const control = await room.restart(life);
        let isOver = false;
        const over = () => {
          isOver = true;
        };
        control
          .start()
          .then(async () => await term(control, ada))
          .then(over, over);
        while (life.calls < endsAt && !isOver) await sleep(2);
        await sleep(1);
        await room.restart();
        await settled(room);
        await room.restart();
        await assertWhole(room, `killed at call ${endsAt} of ${total}`);
      }
    });
  }
});
