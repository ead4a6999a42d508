/** Verbs that meet at the wrong moment, and stores and engines that fail in the middle: nobody gains by it and nothing is left behind. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fault } from '../core/errors.ts';
import { parseGeneration, parseServerId } from '../core/ids.ts';
import type { Store } from '../store/store.ts';
import { type ControlRoom, makeControlRoom, rootCaller } from '../testing/control-room.ts';
import type { Caller } from './caller.ts';

const gigabyte = 2 ** 30;

async function makeOne(room: ControlRoom, caller: Caller): Promise<number> {
  const { servers, operations } = await room.control.servers.create(caller, {});
  await room.control.operations.wait(caller, operations[0]?.id ?? '', 10_000);
  return servers[0]?.record.id ?? -1;
}

async function eventually(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const until = Date.now() + 20_000;
  while (!(await isSo())) {
    if (Date.now() > until) assert.fail(`it never came true: ${what}`);
    await sleep(10);
  }
}

const instanceOf = (room: ControlRoom) => [...room.engine.world.instances.values()][0];

/** One method of one of the store's tables fails as often as told, then works again. */
function breakStore<T extends keyof Store>(store: Store, table: T, method: string, times: number): void {
  const whole = store[table];
  let left = times;
  const broken = new Proxy(whole as object, {
    get: (target, key) => {
      if (key !== method || left <= 0) return Reflect.get(target, key) as unknown;
      left -= 1;
      return () => Promise.reject(fault('store-full', 'the disk of the store has no room left'));
    },
  });
  Reflect.set(store, table, broken);
}

suite('cancel', () => {
  test('cancel of a drop that still waits for its turn is refused, because it would be done all the same', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    const id = await makeOne(room, ada);
    room.engine.hangNext('stop');
    const stop = await room.control.servers.stop(ada, id);
    const drop = await room.control.servers.drop(ada, id);
    await assert.rejects(room.control.operations.cancel(ada, drop.id), { code: 'wrong-state' });
    await room.control.operations.cancel(ada, stop.id);
    assert.equal((await room.control.operations.wait(ada, drop.id, 10_000)).state, 'done');
  });

  for (const verb of ['stop', 'restart'] as const) {
    test(`cancel of a ${verb} leaves the server running, and the reconciler does not carry it out later`, async () => {
      await using room = await makeControlRoom();
      const ada = await room.as('ada');
      const id = await makeOne(room, ada);
      room.engine.hangNext('stop');
      const operation = await room.control.servers[verb](ada, id);
      await eventually('the engine was asked', () => room.engine.calls.some((call) => call.startsWith('stop')));
      await room.control.operations.cancel(ada, operation.id);
      const ended = await room.control.operations.wait(ada, operation.id, 10_000);
      assert.equal(ended.state, 'cancelled');
      assert.doesNotMatch(ended.error?.message ?? '', /undone/u);
      assert.equal((await room.control.servers.get(ada, id)).record.wanted, 'running');
      const looks = room.engine.calls.filter((call) => call === 'list').length;
      room.engine.world.tell(undefined);
      await eventually('a pass', () => room.engine.calls.filter((call) => call === 'list').length > looks);
      assert.equal(instanceOf(room)?.state, 'running');
    });
  }

  test('cancel of a stop before its turn takes its wish back too, and leaves a later wish alone', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    const id = await makeOne(room, ada);
    const { servers, operations } = room.control;
    room.engine.hangNext('stop');
    const restart = await servers.restart(ada, id);
    const stop = await servers.stop(ada, id);
    const start = await servers.start(ada, id);
    await operations.cancel(ada, stop.id);
    await operations.cancel(ada, restart.id);
    assert.equal((await operations.wait(ada, start.id, 10_000)).state, 'done');
    assert.equal((await operations.get(ada, stop.id)).state, 'cancelled');
    assert.deepEqual([(await servers.get(ada, id)).record.wanted, instanceOf(room)?.state], ['running', 'running']);
  });
});

suite('set', () => {
  test('set of several limits at the same instant loses none of them, so that none escapes the quota', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    const id = await makeOne(room, ada);
    const changes = [{ memoryBytes: 4 * gigabyte }, { cpus: 3 }, { diskBytes: 20 * gigabyte }];
    await Promise.all(changes.map(async (change) => await room.control.servers.change(ada, id, change)));
    const wanted = { memoryBytes: 4 * gigabyte, cpus: 3, diskBytes: 20 * gigabyte };
    assert.deepEqual((await room.control.servers.get(ada, id)).record.limits, wanted);
    assert.deepEqual(instanceOf(room)?.limits, wanted);
  });

  test('set that the engine refuses after a part of it was done is taken back in the engine too', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    const id = await makeOne(room, ada);
    const { limits: before } = (await room.control.servers.get(ada, id)).record;
    const refusal = fault('bad-size', 'the memory is in use');
    room.engine.failNext('setLimits', refusal, 'afterwards');
    const change = { diskBytes: 40 * gigabyte, memoryBytes: gigabyte };
    await assert.rejects(room.control.servers.change(ada, id, change), { code: 'bad-size' });
    assert.deepEqual((await room.control.servers.get(ada, id)).record.limits, before);
    assert.deepEqual(instanceOf(room)?.limits, before);
    // Where even that fails, the store counts what is really held.
    room.engine.failNext('setLimits', refusal, 'afterwards');
    room.engine.failNext('setLimits', refusal);
    await assert.rejects(room.control.servers.change(ada, id, change), { code: 'bad-size' });
    assert.equal((await room.control.servers.get(ada, id)).record.limits.diskBytes, instanceOf(room)?.limits.diskBytes);
  });

  test('key add from many at once puts all of the keys inside', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    const id = await makeOne(room, ada);
    const lines = Array.from({ length: 8 }, (_none, at) => `ssh-ed25519 AAAA${at} k${at}`);
    await Promise.all(lines.map(async (line) => await room.control.servers.pushKeys(ada, id, [line])));
    const file = new TextDecoder().decode(instanceOf(room)?.files.get('/home/ada/.ssh/authorized_keys')?.content);
    for (const line of lines) assert.ok(file.includes(`${line}\n`), line);
  });

  test('password of a server whose chpasswd never ends is an error in bounded time', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    const id = await makeOne(room, ada);
    room.engine.hangNext('run');
    await assert.rejects(room.control.servers.password(ada, id), { code: 'engine-failed', message: /did not end within/u });
  });
});

suite('a store or an engine that fails in the middle', () => {
  test('create whose password cannot be kept gives its IDs back', async () => {
    await using room = await makeControlRoom({ hashPassword: () => Promise.reject(fault('cannot-here', 'there is no openssl')) });
    const ada = await room.as('ada');
    await assert.rejects(room.control.servers.create(ada, { count: 2 }), { code: 'cannot-here' });
    await eventually('both are gone', async () => (await room.store.servers.list()).length === 0);
    assert.deepEqual(new Set((await room.store.operations.list()).map(({ state }) => state)), new Set(['cancelled']));
  });

  test('an operation whose end the store refuses for a while ends all the same, as what it was', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    const id = await makeOne(room, ada);
    breakStore(room.store, 'operations', 'finish', 2);
    const stop = await room.control.servers.stop(ada, id);
    assert.equal((await room.control.operations.wait(ada, stop.id, 10_000)).state, 'done');
  });

  test('image import whose progress cannot be written goes on, and so does control', async () => {
    await using room = await makeControlRoom();
    const unhandled: unknown[] = [];
    const note = (error: unknown) => unhandled.push(error);
    process.on('unhandledRejection', note);
    try {
      // Time to break the store between what the operation says of itself and what the engine says.
      room.engine.delayMs = 200;
      const request = { system: 'debian13', type: 'minimal', remote: 'images:debian/13' };
      const operation = await room.control.images.import(rootCaller, request);
      await eventually('the first progress', async () => (await room.store.operations.get(operation.id))?.step !== '');
      breakStore(room.store, 'operations', 'progress', 1);
      assert.equal((await room.control.operations.wait(rootCaller, operation.id, 10_000)).state, 'done');
      await sleep(0);
      assert.deepEqual(unhandled, []);
    } finally {
      process.off('unhandledRejection', note);
    }
  });

  const [id, generation] = [parseServerId(7), parseGeneration('11111111-1111-4111-8111-111111111111')];
  const finding = 'instance-unknown:s7-11111111';

  test('discard that the engine refuses leaves a failed operation, none that never ends', async () => {
    await using room = await makeControlRoom();
    room.engine.world.addStranger('s7-11111111', '192.168.10.107', { installation: room.store.installation, generation, id });
    room.engine.failNext('destroy', fault('engine-failed', 'it is busy'));
    await assert.rejects(room.control.doctor.treat(rootCaller, finding, 'discard', {}), { code: 'engine-failed' });
    assert.deepEqual(
      (await room.store.operations.list()).map(({ kind, state }) => [kind, state]),
      [['drop', 'failed']],
    );
  });

  test('adopt that was cut off before the instance got its new mark is finished by a second one', async () => {
    await using room = await makeControlRoom();
    const ada = await room.as('ada');
    const installation = '99999999-1111-4111-8111-111111111111';
    room.engine.world.addStranger('s7-11111111', '192.168.10.107', { installation, generation, id });
    room.engine.failNext('retag', fault('engine-failed', 'it is busy'));
    const adopt = () => room.control.doctor.treat(rootCaller, finding, 'adopt', { owner: 'ada' });
    await assert.rejects(adopt(), { code: 'engine-failed' });
    await adopt();
    assert.deepEqual(
      (await room.control.servers.list(ada, {})).map(({ record, seen }) => [record.id, seen]),
      [[7, 'running']],
    );
  });
});
