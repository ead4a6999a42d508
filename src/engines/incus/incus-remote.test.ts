/** Images from a remote that an administrator added: real Incus, its own client, and an HTTPS server whose certificate incusd is told to trust. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { silentLog } from '../../base/log.ts';
import { parseGeneration, parseServerId } from '../../core/ids.ts';
import { makeTestEngine, type TestEngine } from '../../testing/test-engine.ts';
import { instanceNameOf } from '../engine.ts';
import { makeCertificate, makeImageTree, serveImages } from './image-server.testing.ts';
import { type IncusEngine, makeIncusEngine } from './incus-engine.ts';
import { makeTinyImage } from './tiny-image.testing.ts';

const runProgram = promisify(execFile);

suite('images from a remote', () => {
  let made: { readonly host: TestEngine; readonly engine: IncusEngine } | undefined;
  const disposal = new AsyncDisposableStack();
  const it = () => {
    assert.ok(made !== undefined, 'the engine under test was made');
    return made;
  };

  before(async () => {
    const dir = await mkdtemp(join(tmpdir(), 'myserver-remote-'));
    disposal.defer(() => rm(dir, { recursive: true }));
    const certificate = await makeCertificate(dir);
    const host = disposal.use(await makeTestEngine({ env: { SSL_CERT_FILE: certificate.path } }));
    const { socket, project, pool, bridge, inside } = host;
    const engine = disposal.use(await makeIncusEngine({ socket, project, pool, network: bridge, log: silentLog, enter: inside }));
    await makeImageTree(join(dir, 'tree'), await makeTinyImage(dir));
    const server = disposal.use(await serveImages(join(dir, 'tree'), certificate, host.enter));
    // Where incus's own client keeps the remotes that were added; ours asks it.
    process.env['INCUS_CONF'] = join(dir, 'conf');
    await runProgram('incus', ['remote', 'add', 'test', server.url, '--protocol', 'simplestreams', '--public']);
    await runProgram('incus', ['remote', 'add', 'away', 'https://127.0.0.1:9', '--protocol', 'simplestreams', '--public']);
    made = { host, engine };
  });
  after(async () => {
    delete process.env['INCUS_CONF'];
    await disposal.disposeAsync();
  });

  test('images.fetch takes an image from it under our name, again keeps one, and servers can be made of it', async () => {
    const { engine } = it();
    const fetch = async () => await engine.images.fetch({ system: 'tiny1', type: 'minimal', remote: 'test:tiny/1' }, () => {});
    const seen = await fetch();
    assert.deepEqual([seen.reference, seen.system, seen.type, seen.recipe], ['tiny1/minimal', 'tiny1', 'minimal', '']);
    assert.deepEqual(await fetch(), seen);
    assert.deepEqual(await engine.images.list(), [seen]);
    const [id, generation] = [parseServerId(1), parseGeneration(randomUUID())];
    const name = instanceNameOf(id, generation);
    const limits = { memoryBytes: 128 * 2 ** 20, cpus: 1, diskBytes: 256 * 2 ** 20 };
    const tags = { installation: randomUUID(), generation, id };
    await engine.create({ name, tags, image: seen.reference, limits, maxProcesses: 100, address: '10.77.4.1' });
    await engine.start(name);
    assert.equal((await engine.run(name, ['cat', '/etc/type'])).stdout, 'tiny\n');
    await engine.destroy(name, tags);
  });

  test('images.fetch says so where there is no such remote, no such image, nobody answers, or the text names none', async () => {
    const { engine } = it();
    const before = await engine.images.list();
    for (const [remote, code, sentence] of [
      ['nowhere:tiny/1', 'cannot-here', /no remote "nowhere"; it knows .*test/u],
      ['test:huge/1', 'cannot-here', /fetch the image test:huge\/1.*does it have that image/u],
      ['away:tiny/1', 'cannot-here', /does this host reach the remote/u],
      ['tiny/1', 'bad-request', /not a remote image/u],
    ] as const)
      await assert.rejects(
        engine.images.fetch({ system: 'tiny2', type: 'minimal', remote }, () => {}),
        { code, message: sentence },
        remote,
      );
    assert.deepEqual(await engine.images.list(), before);
  });
});
