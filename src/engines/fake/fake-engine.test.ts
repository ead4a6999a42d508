import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fault } from '../../core/errors.ts';
import { parseGeneration, parseServerId } from '../../core/ids.ts';
import { conformanceSuite } from '../conformance.ts';
import type { InstanceSpec } from '../engine.ts';
import { makeFakeEngine } from './fake-engine.ts';
import { fakeSquashfs } from './fake-squashfs.testing.ts';
import { FakeWorld } from './fake-world.ts';

conformanceSuite('fake', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'myserver-fake-'));
  const engine = makeFakeEngine({ world: new FakeWorld([]) });
  const image = { system: 'test', type: 'tiny', recipe: 'r1', metadataPath: '', rootfsPath: await fakeSquashfs(dir) };
  await engine.images.import(image);
  return {
    engine,
    image,
    isReal: false,
    addressOf: (n) => `10.0.0.${n}`,
    inspect: async (name, path) => {
      const found = engine.world.instances.get(name)?.files.get(path);
      assert.ok(found !== undefined);
      return `${found.mode.toString(8)} ${found.uid} ${found.gid} ${found.kind === 'directory' ? 'directory' : 'regular file'}`;
    },
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true }),
  };
});

const spec: InstanceSpec = {
  name: 's1-11111111',
  tags: {
    installation: '00000000-0000-4000-8000-000000000000',
    generation: parseGeneration('11111111-0000-4000-8000-000000000000'),
    id: parseServerId(1),
  },
  image: 'debian12/minimal',
  limits: { memoryBytes: 2 ** 29, cpus: 1, diskBytes: 2 ** 30 },
  maxProcesses: 100,
  address: '10.0.0.1',
};

test('failNext: fails the next call once, before or after it did its work', async () => {
  const fake = makeFakeEngine();
  await fake.create(spec);
  fake.failNext('start', fault('engine-failed', 'no'));
  await assert.rejects(fake.start(spec.name), { code: 'engine-failed' });
  assert.equal((await fake.get(spec.name))?.state, 'stopped');
  fake.failNext('start', fault('engine-unavailable', 'gone'), 'afterwards');
  await assert.rejects(fake.start(spec.name), { code: 'engine-unavailable' });
  assert.equal((await fake.get(spec.name))?.state, 'running');
  await fake.start(spec.name);
});

test('hangNext: the call ends only by its signal, and does nothing', async () => {
  const fake = makeFakeEngine();
  fake.hangNext('create');
  await assert.rejects(fake.create(spec, AbortSignal.timeout(20)), { code: 'cancelled' });
  assert.equal(await fake.get(spec.name), undefined);
});

test('world: outlives the engine, can be changed behind its back, and can be down', async () => {
  const first = makeFakeEngine();
  await first.create(spec);
  await first.start(spec.name);
  const second = makeFakeEngine({ world: first.world });
  assert.equal((await second.get(spec.name))?.state, 'running');
  first.world.halt(spec.name);
  assert.equal((await second.get(spec.name))?.state, 'stopped');
  first.world.goDown();
  await assert.rejects(second.list(), { code: 'engine-unavailable' });
  first.world.comeBack();
  first.world.lose(spec.name);
  assert.deepEqual(await second.list(), []);
  first.world.addStranger('guest', '10.0.0.9');
  assert.equal((await second.list())[0]?.tags, undefined);
});

test('delayMs: makes calls take their time and yield to others', async () => {
  const fake = makeFakeEngine({ delayMs: 5 });
  const order: string[] = [];
  await Promise.all([fake.create(spec).then(() => order.push('created')), Promise.resolve().then(() => order.push('other'))]);
  assert.deepEqual(order, ['other', 'created']);
  assert.deepEqual(fake.calls, ['create s1-11111111']);
});
