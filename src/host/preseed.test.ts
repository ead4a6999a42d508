import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { after, before, suite, test } from 'node:test';
import { makeTestEngine, type TestEngine } from '../testing/test-engine.ts';
import { isWhole, poolFile, preseed, preseedSteps, type PreseedWanted } from './preseed.ts';

suite('preseed', () => {
  let engine: TestEngine;
  before(async () => {
    engine = await makeTestEngine();
  });
  after(async () => {
    await engine[Symbol.asyncDispose]();
  });

  const wanted = (changes: Partial<PreseedWanted> = {}): PreseedWanted => ({
    incusDir: engine.incusDir,
    project: engine.project,
    pool: { name: engine.pool, sizeBytes: 5 * 2 ** 30, isPreallocated: false },
    bridge: { name: engine.bridge, address: `${engine.hostAddress}/16`, resolvesOutside: false },
    ...changes,
  });

  test('preseedSteps has nothing to do the second time', async () => {
    assert.deepEqual(await preseedSteps(engine.api, wanted()), []);
  });

  test('preseed mends what was changed by hand, and leaves what an administrator added', async () => {
    await engine.api.ask('PATCH', `/1.0/networks/${engine.bridge}`, { config: { 'ipv4.nat': 'false', 'user.note': 'mine' } });
    await engine.api.ask('PATCH', `/1.0/projects/${engine.project}`, { config: { restricted: 'false' } });
    const done = await preseed(engine.api, wanted());
    assert.deepEqual(done.length, 2);
    const network = await engine.api.ask<{ config: Record<string, string> }>('GET', `/1.0/networks/${engine.bridge}`);
    assert.equal(network?.config['ipv4.nat'], 'true');
    assert.equal(network?.config['user.note'], 'mine');
    assert.deepEqual(await preseedSteps(engine.api, wanted()), []);
  });

  test('preseed takes all of the disk a pool promises, and freed blocks are not given back', async () => {
    const pool = { name: 'whole', sizeBytes: 2 ** 30, isPreallocated: true };
    await preseed(engine.api, wanted({ pool }));
    const file = poolFile(engine.incusDir, pool.name);
    assert.equal(await isWhole(file), true);
    assert.equal((await stat(file)).size, pool.sizeBytes);
    const made = await engine.api.ask<{ config: Record<string, string> }>('GET', `/1.0/storage-pools/${pool.name}`);
    assert.match(made?.config['btrfs.mount_options'] ?? '', /\bnodiscard\b/u);
    assert.deepEqual(await preseedSteps(engine.api, wanted({ pool })), []);
  });

  test('preseed makes a sparse pool whole', async () => {
    assert.equal(await isWhole(poolFile(engine.incusDir, engine.pool)), false);
    const pool = { name: engine.pool, sizeBytes: 0, isPreallocated: true };
    const steps = await preseedSteps(engine.api, wanted({ pool }));
    assert.deepEqual(
      steps.map(({ canWait }) => canWait),
      [true],
    );
    for (const step of steps) await step.apply();
    assert.equal(await isWhole(poolFile(engine.incusDir, engine.pool)), true);
  });

  test('preseed refuses a pool of our name that is of another kind', async () => {
    await engine.api.ask('POST', '/1.0/storage-pools', { name: 'plain', driver: 'dir', config: {} });
    const pool = { name: 'plain', sizeBytes: 2 ** 30, isPreallocated: false };
    await assert.rejects(preseed(engine.api, wanted({ pool })), { code: 'cannot-here', message: /driver dir already/u });
  });
});
