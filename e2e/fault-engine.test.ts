/** The engine away and back, instances changed by somebody's own `incus`, servers that end by themselves, images that are no images. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { macOf } from '../src/core/mac.ts';
import { lacksImages, testBases, testImages, type TestInstallation } from '../src/testing/test-installation.ts';
import { makeInstallationOfAda } from './installation-of-ada.ts';
import { assertWhole, incus, nameOf } from './host-view.ts';
import { greets, openLine, startEcho, waitForGreeting } from './port-probe.ts';
import { type Root, soon } from './root-client.ts';

interface Spoilt {
  readonly stem: string;
  readonly metadata: string;
  readonly rootfs: string;
}

const spoilt: readonly (readonly [string, (files: Spoilt) => Promise<void>])[] = [
  [
    'cut short',
    async ({ stem, metadata, rootfs }) => {
      await copyFile(`${stem}.meta.tar.gz`, metadata);
      await writeFile(rootfs, (await readFile(`${stem}.squashfs`)).subarray(0, 1_000_000));
    },
  ],
  [
    'no squashfs at all',
    async ({ stem, metadata, rootfs }) => {
      await copyFile(`${stem}.meta.tar.gz`, metadata);
      await writeFile(rootfs, 'a letter to my aunt');
    },
  ],
  [
    'without sense in its metadata',
    async ({ stem, metadata, rootfs }) => {
      await writeFile(metadata, 'no tarball');
      await copyFile(`${stem}.squashfs`, rootfs);
    },
  ],
];

suite('the engine away, or changed by hand', { skip: lacksImages, concurrency: false }, () => {
  let installation: TestInstallation;
  let root: Root;

  before(async () => {
    ({ installation, root } = await makeInstallationOfAda());
    const [, , byHand, fromInside] = (await Promise.all([1, 2, 5, 6].map(async (id) => await root.create({ id })))).flat();
    assert.ok(byHand !== undefined && fromInside !== undefined);
    for (const words of [
      ['stop', '-f', nameOf(byHand)],
      ['exec', '-T', nameOf(fromInside), '--', 'systemctl', 'poweroff', '--no-block'],
    ]) {
      const ran = await incus(installation, words);
      assert.equal(ran.exitCode, 0, `${words.join(' ')}: ${ran.stderr}`);
    }
  });
  after(async () => await installation[Symbol.asyncDispose]());

  for (const [what, spoil] of spoilt) {
    test(`an image file that is ${what}: image-broken, and nothing of it is kept`, async () => {
      const stem = join(testImages ?? '', 'debian12-minimal');
      const metadata = join(installation.engine.dir, 'spoilt.meta.tar.gz');
      const rootfs = join(installation.engine.dir, 'spoilt.squashfs');
      await spoil({ stem, metadata, rootfs });
      const before = (await incus(installation, ['image', 'list', '-f', 'csv', '-c', 'f'])).stdout;
      const refused = await installation.myserver(['image', 'import', 'debian12', 'spoilt', '--metadata', metadata, '--rootfs', rootfs]);
      assert.equal(refused.exitCode, 7, refused.stdout + refused.stderr);
      const [operation] = (await root.client.call('listOperations', { query: {} })).operations;
      assert.equal(operation?.error?.code, 'image-broken');
      assert.equal((await incus(installation, ['image', 'list', '-f', 'csv', '-c', 'f'])).stdout, before);
      assert.equal((await installation.myserver(['create', '--type', 'spoilt'])).exitCode, 4);
    });
  }

  test('an instance deleted with incus delete: the server is failed with a plain reason, nothing replaces it, and drop works', async () => {
    const [server] = await root.create({ id: 4 });
    assert.ok(server !== undefined);
    assert.equal((await incus(installation, ['delete', '-f', nameOf(server)])).exitCode, 0);
    const problem = await soon('the reason to be told', 10_000, async () => (await root.server(4)).problem ?? undefined);
    assert.match(problem, /no instance of it any more.*removed there.*drop 4/u);
    assert.equal((await root.server(4)).status, 'failed');
    const refused = await installation.myserver(['start', '4']);
    assert.equal(refused.exitCode, 5);
    assert.match(refused.stderr, /server 4 has no instance on the host any more/u);
    await root.tell('dropServer', 4);
    await assertWhole(installation, root);
  });

  test('an instance from before servers had MACs of ours: it works on with its own, and has ours from its next start', async () => {
    const [server] = await root.create({ id: 7 });
    assert.ok(server !== undefined);
    const name = nameOf(server);
    const macInside = async () =>
      (await incus(installation, ['exec', '-T', name, '--', 'cat', '/sys/class/net/eth0/address'])).stdout.trim();
    assert.equal(await macInside(), macOf(server.address));
    for (const words of [
      ['stop', '-f', name],
      ['config', 'device', 'unset', name, 'eth0', 'hwaddr'],
      ['config', 'device', 'set', name, 'eth0', `host_name=${name}`],
      ['start', name],
    ]) {
      const ran = await incus(installation, words);
      assert.equal(ran.exitCode, 0, `${words.join(' ')}: ${ran.stderr}`);
    }
    await waitForGreeting(installation, testBases.ssh + 7);
    assert.notEqual(await macInside(), macOf(server.address));
    await root.tell('restartServer', 7);
    await waitForGreeting(installation, testBases.ssh + 7);
    assert.equal(await macInside(), macOf(server.address));
    await assertWhole(installation, root);
  });

  test('rebooted from inside: it is running again by itself', async () => {
    const server = await root.server(1);
    const bootId = async () =>
      (await incus(installation, ['exec', '-T', nameOf(server), '--', 'cat', '/proc/1/stat'])).stdout.split(' ')[21];
    const before = await bootId();
    await incus(installation, ['exec', '-T', nameOf(server), '--', 'systemctl', 'reboot', '--no-block']);
    await soon('another boot', 30_000, async () => {
      const now = await bootId();
      return now !== undefined && now !== before ? now : undefined;
    });
    await waitForGreeting(installation, testBases.ssh + 1);
    await root.becomes(1, 'running');
  });

  test('an image damaged in its midst: create says image-broken, and nothing half-made is left', async () => {
    const stem = join(testImages ?? '', 'debian12-minimal');
    const rootfs = join(installation.engine.dir, 'damaged.squashfs');
    const bytes = await readFile(`${stem}.squashfs`);
    bytes.fill(0xa5, 1_000_000, bytes.length - 1_000_000);
    await writeFile(rootfs, bytes);
    await installation.ok('image', 'import', 'debian12', 'damaged', '--metadata', `${stem}.meta.tar.gz`, '--rootfs', rootfs);
    const { operations } = await root.begin({ type: 'damaged' });
    const { state, error } = await root.ended(operations[0] ?? { id: '' });
    assert.deepEqual([state, error?.code], ['failed', 'image-broken'], error?.message);
    await assertWhole(installation, root);
  });

  // Belief that it was meant takes a while, which the tests above fill. An engine that is away meanwhile, as below, ends it: then both run again.
  test('stopped with incus stop, or by poweroff inside: it counts as stopped, stays so, and starts again', async () => {
    await root.becomes(5, 'stopped');
    await root.becomes(6, 'stopped');
    await installation.endControl('SIGTERM');
    await installation.startControl();
    assert.deepEqual([(await root.server(5)).status, (await root.server(6)).status], ['stopped', 'stopped']);
    await root.tell('startServer', 6);
    await waitForGreeting(installation, testBases.ssh + 6);
    await assertWhole(installation, root);
  });

  test('incusd killed: list still answers and says unknown, connections go on, and all is well by itself when it is back', async () => {
    await startEcho(installation, 1);
    using line = openLine(installation, testBases.usr + 1);
    assert.equal(await line.say('before'), 'before');
    await installation.engine.crashIncus();
    await root.becomes(1, 'unknown', 5000);
    assert.equal(await line.say('meanwhile'), 'meanwhile');
    assert.ok(await greets(installation, testBases.ssh + 2));
    const doctor = await installation.myserver(['doctor']);
    assert.equal(doctor.exitCode, 1);
    assert.match(doctor.stdout, /engine does not answer/u);
    const refused = await installation.myserver(['create', '-f', 'json']);
    assert.equal(refused.exitCode, 7);
    assert.match(refused.stdout + refused.stderr, /engine-unavailable/u);

    // What was begun before the end and what is told meanwhile is done afterwards.
    const { operation } = await root.client.call('dropServer', { params: { id: 2 }, query: {} });
    await installation.engine.startIncus();
    await root.becomes(1, 'running', 20_000);
    assert.equal((await root.ended(operation)).state, 'done');
    assert.equal(await line.say('after'), 'after');
    await assertWhole(installation, root);
  });

  test('incusd killed in the midst of a create: the create waits for it, or ends with nothing left', async () => {
    const { operations, servers } = await root.begin({ id: 3 });
    await soon('the unpacking to begin', 10_000, async () => {
      const { operation } = await root.client.call('getOperation', { params: { id: operations[0]?.id ?? '' }, query: {} });
      return operation.fraction > 0 ? true : undefined;
    });
    await installation.engine.crashIncus();
    await installation.engine.startIncus();
    for (const operation of operations) {
      const { state, error } = await root.ended(operation);
      if (state === 'failed') assert.match(error?.code ?? '', /^engine-/u);
      else await root.becomes(servers[0]?.id ?? 0, 'running');
    }
    await soon('all to be whole', 40_000, async () => await assertWhole(installation, root).then(() => true));
    if ((await root.client.call('listServers', { query: {} })).servers.some(({ id }) => id === 3)) await root.tell('dropServer', 3);
  });
});
