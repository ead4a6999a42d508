/** The disk pool is full: creates fail plainly and leave nothing, servers that are there go on, and the store still takes down what is done. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { lacksImages, testBases, type TestInstallation } from '../src/testing/test-installation.ts';
import { makeInstallationOfAda } from './installation-of-ada.ts';
import { assertWhole, tryInside } from './host-view.ts';
import { greets, waitForGreeting } from './port-probe.ts';
import type { Root } from './root-client.ts';

const isLong = process.env['MYSERVER_TEST_LONG'] === '1';
const skip = isLong ? lacksImages : 'a rare fault, and long: ./test --long';

suite('the disk pool full', { skip }, () => {
  let installation: TestInstallation;
  let root: Root;

  before(async () => {
    ({ installation, root } = await makeInstallationOfAda({ poolBytes: 1.25 * 2 ** 30, isInside: true }));
    await root.create({ id: 0, diskBytes: 20 * 2 ** 30 });
    await root.create({ id: 1 });
  });
  after(async () => await installation[Symbol.asyncDispose]());

  test('one server fills it: it meets the end of its disk, not more', async () => {
    const filled = await tryInside(installation, await root.server(0), 'dd if=/dev/zero of=/fill bs=1M; sync');
    assert.match(filled.stderr, /No space left on device|quota exceeded/u);
  });

  test('a create meanwhile gives pool-full or is whole, and nothing half-made is left', async () => {
    const { operations, servers } = await root.begin({ count: 2 });
    for (const [at, operation] of operations.entries()) {
      const { state, error } = await root.ended(operation);
      if (state === 'failed') assert.equal(error?.code, 'pool-full', error?.message);
      else await root.tell('dropServer', servers[at]?.id ?? -1);
    }
    await assertWhole(installation, root);
  });

  test('the others go on: SSH greets, list answers, and changes are taken down', async () => {
    assert.ok(await greets(installation, testBases.ssh + 1));
    assert.ok(await greets(installation, testBases.ssh));
    await root.client.call('changeServer', { params: { id: 1 }, body: { notes: 'still here' } });
    assert.equal((await root.server(1)).notes, 'still here');
  });

  test('servers can be killed, started (or told why not), and the full one dropped', async () => {
    await root.tell('killServer', 1);
    // Incus writes a few kilobytes into the pool at each start, which a pool that is full to the last block has not.
    const { state, error } = await root.ended((await root.client.call('startServer', { params: { id: 1 } })).operation);
    if (state !== 'done') assert.equal(error?.code, 'pool-full', error?.message);
    await root.tell('dropServer', 0);
    if (state !== 'done') await root.tell('startServer', 1);
    await waitForGreeting(installation, testBases.ssh + 1);
    await assertWhole(installation, root);
  });

  test('a create right after waits for the pool to free what was dropped, and there is room again', async () => {
    const [server] = await root.create();
    assert.ok(server !== undefined);
    const written = await tryInside(installation, server, 'dd if=/dev/zero of=/fill bs=1M count=100 && sync /fill');
    assert.equal(written.exitCode, 0, written.stderr);
    await assertWhole(installation, root);
  });
});
