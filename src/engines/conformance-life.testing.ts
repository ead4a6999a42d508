/** What every engine must pass: instances from create to destroy, their limits and what is told of them. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { Fault } from '../base/fault.ts';
import { parseGeneration, parseServerId } from '../core/ids.ts';
import type { Limits } from '../core/server.ts';
import { type ConformanceRoom, file, rejectsWith, small, until } from './conformance-room.testing.ts';
import type { EngineEvent } from './engine.ts';

export function testLife({ it, specify, instance, stateOf }: ConformanceRoom): void {
  test('facts: names a version and a pool with room', async () => {
    const facts = await it().engine.facts();
    assert.notEqual(facts.version, '');
    assert.ok(facts.pool.totalBytes > facts.pool.usedBytes && facts.pool.usedBytes >= 0);
  });

  test('create: makes a stopped instance with its tags, address and limits, and again is a success', async () => {
    const { engine } = it();
    await using made = await instance();
    await engine.create(made);
    const seen = { name: made.name, tags: made.tags, state: 'stopped', address: made.address, limits: made.limits, image: made.image };
    assert.deepEqual(await engine.get(made.name), seen);
    assert.deepEqual(
      (await engine.list()).filter(({ name }) => name === made.name),
      [seen],
    );
  });

  test('create: again after the instance ran keeps it as it is', async () => {
    const { engine } = it();
    await using made = await instance('running');
    await engine.create(made);
    assert.equal(await stateOf(made.name), 'running');
  });

  test('create: the same one twice at once is one instance and two successes', async () => {
    const { engine } = it();
    const spec = specify();
    await Promise.all([engine.create(spec), engine.create(spec)]);
    assert.equal((await engine.list()).filter(({ name }) => name === spec.name).length, 1);
    await engine.destroy(spec.name, spec.tags);
  });

  test('create: four different ones at once are four instances', async () => {
    const { engine } = it();
    const specs = [specify(), specify(), specify(), specify()];
    await Promise.all(specs.map((spec) => engine.create(spec)));
    const names = new Set((await engine.list()).map(({ name }) => name));
    assert.ok(specs.every(({ name }) => names.has(name)));
    await Promise.all(specs.map((spec) => engine.destroy(spec.name, spec.tags)));
  });

  test('create: a name that exists with other tags is a conflict and is left alone', async () => {
    const { engine } = it();
    await using made = await instance();
    for (const tags of [
      { ...made.tags, generation: parseGeneration(randomUUID()) },
      { ...made.tags, installation: randomUUID() },
    ]) {
      await rejectsWith('conflict', engine.create({ ...made, tags }));
      assert.deepEqual((await engine.get(made.name))?.tags, made.tags);
    }
  });

  test('create: an address that another has is a conflict, leaves nothing, and the other starts', async () => {
    const { engine } = it();
    await using made = await instance();
    const second = specify({ address: made.address });
    await rejectsWith('conflict', engine.create(second));
    assert.equal(await engine.get(second.name), undefined);
    await engine.start(made.name);
  });

  test('create: an unknown image leaves nothing behind', async () => {
    const { engine } = it();
    const spec = specify({ image: 'nosuch/system' });
    await rejectsWith('no-such-image', engine.create(spec));
    assert.equal(await engine.get(spec.name), undefined);
  });

  test('create: a signal that fired before it began leaves nothing', async () => {
    const spec = specify();
    await rejectsWith('cancelled', it().engine.create(spec, AbortSignal.abort()));
    assert.equal(await it().engine.get(spec.name), undefined);
  });

  test('create: a signal at any moment leaves all or nothing, and a second create finishes it', async () => {
    const { engine } = it();
    for (const afterMs of [1, 10, 40, 80]) {
      const spec = specify();
      const outcome = await engine.create(spec, AbortSignal.timeout(afterMs)).then(
        () => 'made',
        (error: unknown) => (error instanceof Fault ? error.code : error),
      );
      assert.ok(outcome === 'made' || outcome === 'cancelled', `after ${afterMs} ms: ${String(outcome)}`);
      assert.equal((await engine.get(spec.name)) !== undefined, outcome === 'made', `after ${afterMs} ms`);
      await engine.create(spec);
      assert.equal(await stateOf(spec.name), 'stopped');
      await engine.destroy(spec.name, spec.tags);
    }
  });

  test('start, pause, resume, kill: each reaches its state and may be repeated', async () => {
    const { engine } = it();
    await using made = await instance();
    const steps = [
      ['start', 'running'],
      ['pause', 'paused'],
      ['resume', 'running'],
      ['kill', 'stopped'],
      ['start', 'running'],
      ['pause', 'paused'],
      ['start', 'running'],
      ['pause', 'paused'],
      ['kill', 'stopped'],
    ] as const;
    for (const [verb, state] of steps) {
      await engine[verb](made.name);
      await engine[verb](made.name);
      assert.equal(await stateOf(made.name), state, verb);
    }
  });

  test('start: twice at once is a success for both', async () => {
    const { engine } = it();
    await using made = await instance();
    await Promise.all([engine.start(made.name), engine.start(made.name)]);
    assert.equal(await stateOf(made.name), 'running');
  });

  test('stop: ends a running and a paused instance, and may be repeated', async () => {
    const { engine } = it();
    await using made = await instance('running');
    await engine.stop(made.name, 10_000);
    await engine.stop(made.name, 10_000);
    assert.equal(await stateOf(made.name), 'stopped');
    await engine.start(made.name);
    await engine.pause(made.name);
    await engine.stop(made.name, 10_000);
    assert.equal(await stateOf(made.name), 'stopped');
  });

  test('stop: without grace pulls the plug', async () => {
    await using made = await instance('running');
    await it().engine.stop(made.name, 0);
    assert.equal(await stateOf(made.name), 'stopped');
  });

  test('pause, resume: on a stopped instance say that it is stopped', async () => {
    await using made = await instance();
    await rejectsWith('wrong-state', it().engine.pause(made.name));
    await rejectsWith('wrong-state', it().engine.resume(made.name));
  });

  test('destroy: touches nothing unless installation and generation both match', async () => {
    const { engine } = it();
    await using made = await instance('running');
    const { installation: ours, generation } = made.tags;
    await rejectsWith('conflict', engine.destroy(made.name, { installation: ours, generation: parseGeneration(randomUUID()) }));
    await rejectsWith('conflict', engine.destroy(made.name, { installation: randomUUID(), generation }));
    assert.equal(await stateOf(made.name), 'running');
  });

  test('destroy: takes running, paused and stopped instances, and absent is a success', async () => {
    const { engine } = it();
    for (const state of ['running', 'paused', 'stopped'] as const) {
      const spec = specify();
      await engine.create(spec);
      if (state !== 'stopped') await engine.start(spec.name);
      if (state === 'paused') await engine.pause(spec.name);
      await engine.destroy(spec.name, spec.tags);
      await engine.destroy(spec.name, spec.tags);
      assert.equal(await engine.get(spec.name), undefined, state);
    }
  });

  test('reclaim: resolves after something was destroyed, and when there is nothing to free', async () => {
    const { engine } = it();
    await using made = await instance();
    await engine.destroy(made.name, made.tags);
    await engine.reclaim();
    await engine.reclaim();
  });

  test('destroy: frees name and address for another', async () => {
    const { engine } = it();
    const spec = specify();
    for (let round = 0; round < 2; round += 1) {
      await engine.create(spec);
      await engine.start(spec.name);
      await engine.destroy(spec.name, spec.tags);
    }
    assert.equal(await engine.get(spec.name), undefined);
  });

  test('retag: gives other tags, by which alone it can be destroyed then, and may be repeated', async () => {
    const { engine } = it();
    await using made = await instance('running');
    const tags = { installation: randomUUID(), generation: parseGeneration(randomUUID()), id: parseServerId(77) };
    await engine.retag(made.name, tags);
    await engine.retag(made.name, tags);
    assert.deepEqual((await engine.get(made.name))?.tags, tags);
    await rejectsWith('conflict', engine.destroy(made.name, made.tags));
    await rejectsWith('conflict', engine.create(made));
    await engine.retag(made.name, made.tags);
    assert.equal(await stateOf(made.name), 'running');
  });

  test('get, usage: undefined for a name that nothing has', async () => {
    assert.equal(await it().engine.get('s9-00000000'), undefined);
    assert.equal(await it().engine.usage('s9-00000000'), undefined);
  });

  test('start, stop, kill, pause, resume, retag, setLimits, readFile, pushFiles, run: say not-found for a name that nothing has', async () => {
    const { engine } = it();
    const name = 's9-00000000';
    const calls = {
      start: () => engine.start(name),
      stop: () => engine.stop(name, 1000),
      kill: () => engine.kill(name),
      pause: () => engine.pause(name),
      resume: () => engine.resume(name),
      retag: () => engine.retag(name, specify().tags),
      setLimits: () => engine.setLimits(name, { cpus: 2 }),
      readFile: () => engine.readFile(name, '/etc/passwd'),
      pushFiles: () => engine.pushFiles(name, [file('/etc/x', 'x')]),
      run: () => engine.run(name, ['true']),
    };
    for (const [verb, call] of Object.entries(calls)) await rejectsWith('not-found', call(), verb);
  });

  test('every call: throws cancelled when the signal fired before', async () => {
    const { engine } = it();
    await using made = await instance();
    const signal = AbortSignal.abort();
    const calls = {
      facts: () => engine.facts(signal),
      list: () => engine.list(signal),
      get: () => engine.get(made.name, signal),
      start: () => engine.start(made.name, signal),
      kill: () => engine.kill(made.name, signal),
      destroy: () => engine.destroy(made.name, made.tags, signal),
      setLimits: () => engine.setLimits(made.name, { cpus: 2 }, signal),
      readFile: () => engine.readFile(made.name, '/etc/passwd', signal),
      pushFiles: () => engine.pushFiles(made.name, [file('/etc/x', 'x')], signal),
      run: () => engine.run(made.name, ['true'], '', signal),
      usage: () => engine.usage(made.name, signal),
      images: () => engine.images.list(signal),
    };
    for (const [verb, call] of Object.entries(calls)) await rejectsWith('cancelled', call(), verb);
    assert.equal(await stateOf(made.name), 'stopped');
  });

  test('setLimits: changes each limit alone and all together, stopped and running, and may be repeated', async () => {
    const { engine } = it();
    await using made = await instance();
    let wanted: Limits = small;
    const changes: readonly Partial<Limits>[] = [
      { memoryBytes: 192 * 2 ** 20 },
      { cpus: 2 },
      { diskBytes: 2 ** 30 },
      { memoryBytes: 128 * 2 ** 20, cpus: 1, diskBytes: 768 * 2 ** 20 },
    ];
    for (const state of ['stopped', 'running']) {
      if (state === 'running') await engine.start(made.name);
      for (const change of changes) {
        wanted = Object.assign({}, wanted, change);
        await engine.setLimits(made.name, change);
        await engine.setLimits(made.name, change);
        assert.deepEqual((await engine.get(made.name))?.limits, wanted, state);
      }
    }
  });

  test('usage: grows from nothing when the instance runs', async () => {
    const { engine } = it();
    await using made = await instance();
    const before = await engine.usage(made.name);
    assert.equal(before?.processes, 0);
    assert.equal(before.memoryBytes, 0);
    await engine.start(made.name);
    const running = await engine.usage(made.name);
    assert.ok(running !== undefined && running.processes > 0 && running.memoryBytes > 0 && running.cpuSeconds > 0);
    assert.ok((running.diskBytes ?? 0) < 16 * 2 ** 20, 'the image itself is not counted');
  });

  test('watch: says once that all may have changed, then names what changes, until the signal', async () => {
    const { engine } = it();
    const events: EngineEvent[] = [];
    const stop = new AbortController();
    engine.watch((event) => events.push(event), stop.signal);
    await until('the watch is on', () => events.some(({ name }) => name === undefined));
    await using made = await instance();
    await until('the create was seen', () => events.some(({ name }) => name === made.name));
    for (const verb of ['start', 'pause', 'resume', 'kill'] as const) {
      events.length = 0;
      await engine[verb](made.name);
      await until(`${verb} was seen`, () => events.some(({ name }) => name === made.name));
    }
    stop.abort();
    events.length = 0;
    await engine.start(made.name);
    await engine.kill(made.name);
    assert.deepEqual(events, []);
  });
}
