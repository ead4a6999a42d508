import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeBastionScene } from './bastion.testing.ts';

test('a bastion that lets its sessions finish ends them when it is told to end at once', async () => {
  let drainMs = 60_000;
  await using scene = await makeBastionScene({ drainMs: () => drainMs });
  await scene.enter();
  const stopped = scene.stop().then(() => 'stopped');
  assert.equal(await Promise.race([stopped, sleep(500, 'draining')]), 'draining');
  drainMs = 0;
  assert.equal(await Promise.race([stopped, sleep(1000, 'draining')]), 'stopped');
});
