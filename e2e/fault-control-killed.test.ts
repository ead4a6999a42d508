/** `kill -9` of control in the midst of its work on a real engine: the next control brings everything to its end, and meanwhile nobody's connection breaks. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runProcess } from '../src/testing/run-process.ts';
import { lacksImages, testBases, testImages, type TestInstallation } from '../src/testing/test-installation.ts';
import { makeInstallationOfAda } from './installation-of-ada.ts';
import { assertWhole, incus } from './host-view.ts';
import { inside } from './inside.ts';
import { greets, openLine, startEcho } from './port-probe.ts';
import type { Root } from './root-client.ts';

const isLong = process.env['MYSERVER_TEST_LONG'] === '1';

/** Milliseconds after a create and after a drop began; whether every day. */
const moments = [
  [150, 100, true],
  [600, 300, false],
  [30, 20, false],
  [350, 200, false],
  [1000, 500, false],
] as const;

suite('control killed with kill -9', { skip: lacksImages }, () => {
  let installation: TestInstallation;
  let root: Root;

  before(async () => {
    ({ installation, root } = await makeInstallationOfAda());
    await root.create({ id: 100 });
  });
  after(async () => await installation[Symbol.asyncDispose]());

  async function crash(afterMs: number): Promise<void> {
    await sleep(afterMs);
    await installation.endControl('SIGKILL');
    await installation.startControl();
  }

  async function assertDone(operation: { readonly id: string }): Promise<void> {
    const { state, error } = await root.ended(operation);
    assert.deepEqual([state, error], ['done', null]);
  }

  for (const [createMs, dropMs, isDaily] of moments) {
    const options = { skip: isDaily || isLong ? false : 'one of many moments: set MYSERVER_TEST_LONG=1' };
    test(
      `create and drop: killed ${createMs} and ${dropMs} ms after they began, both are finished by the next control`,
      options,
      async () => {
        const { operations, servers } = await root.begin({ count: 2 });
        await crash(createMs);
        for (const operation of operations) await assertDone(operation);
        await assertWhole(installation, root, 'created:');
        for (const { id } of servers) {
          assert.equal((await root.server(id)).status, 'running');
          // The one-time password that was shown before the kill is inside.
          assert.match(await inside(installation, id, 'grep ^ada: /etc/shadow'), /^ada:\$/u);
        }
        const drops = await Promise.all(servers.map(async ({ id }) => await root.client.call('dropServer', { params: { id }, query: {} })));
        await crash(dropMs);
        for (const { operation } of drops) await assertDone(operation);
        assert.deepEqual(
          (await root.client.call('listServers', { query: {} })).servers.map(({ id }) => id),
          [100],
        );
        await assertWhole(installation, root, 'dropped:');
      },
    );
  }

  for (const [verb, status] of [
    ['stopServer', 'stopped'],
    ['startServer', 'running'],
    ['restartServer', 'running'],
  ] as const) {
    test(`${verb}: killed in the midst of it, the server ends up ${status}`, async () => {
      const { operation } = await root.client.call(verb, { params: { id: 100 } });
      await crash(100);
      await assertDone(operation);
      await root.becomes(100, status);
      await assertWhole(installation, root);
    });
  }

  test('image import: killed in the midst of it, the image is there once and whole', async () => {
    const stem = join(testImages ?? '', 'debian12-minimal');
    const body = { system: 'debian12', type: 'again', metadataPath: `${stem}.meta.tar.gz`, rootfsPath: `${stem}.squashfs` };
    const { operation } = await root.client.call('importImage', { body });
    await crash(150);
    await assertDone(operation);
    const aliases = JSON.parse((await incus(installation, ['image', 'list', '-f', 'json'])).stdout) as readonly {
      readonly aliases: readonly { readonly name: string }[];
    }[];
    assert.deepEqual(
      aliases.flatMap((image) => image.aliases.map(({ name }) => name)).filter((name) => name.endsWith('again')),
      ['debian12/again'],
    );
    assert.ok(
      aliases.every((image) => image.aliases.length > 0),
      'an image without a name was left behind',
    );
    await root.create({ id: 8, type: 'again' });
    await root.tell('dropServer', 8);
  });

  test('while control is dead a connection through a port block goes on and new ones are made', async () => {
    await startEcho(installation, 100);
    using line = openLine(installation, testBases.usr + 100);
    assert.equal(await line.say('before'), 'before');
    await installation.endControl('SIGKILL');
    assert.equal(await line.say('while it is dead'), 'while it is dead');
    using another = openLine(installation, testBases.usr + 100);
    assert.equal(await another.say('new'), 'new');
    assert.ok(await greets(installation, testBases.ssh + 100));
    await installation.startControl();
    assert.equal(await line.say('after'), 'after');
  });

  test('a second control says that one is running already, and changes nothing', async () => {
    const env = { ...process.env, MYSERVER_CONFIG: installation.configPath, MYSERVER_RUN_DIR: installation.runDir };
    const main = join(import.meta.dirname, '..', 'src', 'cli', 'main.ts');
    const second = await runProcess([...installation.engine.enter, process.execPath, main, 'control'], { env, timeoutMs: 20_000 });
    assert.notEqual(second.exitCode, 0);
    assert.match(second.stdout + second.stderr, /another|already|in use/u);
    await assertWhole(installation, root);
  });
});
