/**
 * What every engine must pass: each promise of `engine.ts`, and each repeatable one twice. The real engine proves that the fake tells the truth; what
 * only a kernel can show (limits that hold) is asked of the real one alone.
 */
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { Fault } from '../base/fault.ts';
import type { ErrorCode } from '../core/errors.ts';
import { parseGeneration, parseServerId } from '../core/ids.ts';
import type { FileToPush } from '../core/provision.ts';
import type { Limits } from '../core/server.ts';
import { instanceNameOf, type Engine, type EngineEvent, type ImageToImport, type InstanceSpec } from './engine.ts';

export interface EngineUnderTest extends AsyncDisposable {
  readonly engine: Engine;
  /** Where `image` comes from, for importing it again. Its `system/type` is there already and carries the recipe. */
  readonly image: ImageToImport;
  /** A private address of its network that nothing has: the n-th, from 1. */
  addressOf(n: number): string;
  /** `600 1000 1000 regular file` (mode, uid, gid, kind) of a path in a running instance. */
  readonly inspect: (name: string, path: string) => Promise<string>;
  /** Programs really run and limits really hold. */
  readonly isReal: boolean;
}

export interface ConformanceOptions {
  /** Why none of it can run here. */
  readonly skip?: string;
  /** Tests at once: a real engine mostly waits for the kernel. */
  readonly concurrency?: number;
}

const small: Limits = { memoryBytes: 128 * 2 ** 20, cpus: 1, diskBytes: 512 * 2 ** 20 };

export function conformanceSuite(label: string, makeEngineForTest: () => Promise<EngineUnderTest>, options: ConformanceOptions = {}): void {
  suite(`Engine conformance: ${label}`, { skip: options.skip ?? false, concurrency: options.concurrency ?? 1 }, () => {
    let made: EngineUnderTest | undefined;
    const installation = randomUUID();
    let used = 0;

    const it = (): EngineUnderTest => {
      assert.ok(made !== undefined, 'the engine under test was made');
      return made;
    };

    /** A specification that nothing else has: own ID, generation and address. */
    const specify = (changes: Partial<InstanceSpec> = {}): InstanceSpec => {
      used += 1;
      const id = parseServerId(used);
      const generation = parseGeneration(randomUUID());
      return {
        name: instanceNameOf(id, generation),
        tags: { installation, generation, id },
        image: `${it().image.system}/${it().image.type}`,
        limits: small,
        maxProcesses: 100,
        address: it().addressOf(used),
        ...changes,
      };
    };

    /** An instance for one test, destroyed at its end. */
    const instance = async (state: 'stopped' | 'running' = 'stopped', changes: Partial<InstanceSpec> = {}) => {
      const { engine } = it();
      const spec = specify(changes);
      await engine.create(spec);
      if (state === 'running') await engine.start(spec.name);
      return { ...spec, [Symbol.asyncDispose]: () => engine.destroy(spec.name, spec.tags) };
    };

    const stateOf = async (name: string) => (await it().engine.get(name))?.state;

    before(async () => {
      made = await makeEngineForTest();
    });
    after(async () => {
      await made?.[Symbol.asyncDispose]();
    });

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

    test('pushFiles, readFile: what was written is read, stopped and running, first and second time', async () => {
      const { engine } = it();
      await using made = await instance();
      const text = 'grüße, 世界\n'.repeat(50);
      for (const state of ['stopped', 'running'] as const) {
        if (state === 'running') await engine.start(made.name);
        for (const content of [text, 'shorter\n', '']) {
          await engine.pushFiles(made.name, [file('/etc/greeting', content)]);
          assert.equal(await engine.readFile(made.name, '/etc/greeting'), content, state);
        }
        assert.equal(await engine.readFile(made.name, '/etc/no-such-file'), undefined);
        assert.equal(await engine.readFile(made.name, '/no/such/dir/file'), undefined);
      }
    });

    test('pushFiles: modes and owners are as stated, on new and on existing files and directories', async () => {
      const { engine, inspect } = it();
      await using made = await instance();
      const files: readonly FileToPush[] = [
        { ...file('/home/ann/.ssh/authorized_keys', 'key\n'), mode: 0o600, uid: 1000, gid: 1001 },
        { path: '/home/ann', kind: 'directory', mode: 0o700, uid: 1000, gid: 1001 },
        { path: '/home/ann/.ssh', kind: 'directory', mode: 0o750, uid: 1000, gid: 1001 },
        ...Array.from({ length: 20 }, (_, n) => ({ ...file(`/home/ann/file-${n}`, String(n)), mode: 0o644 })),
        { ...file('/etc/passwd', 'root:x:0:0::/root:/bin/sh\n'), mode: 0o640, uid: 0, gid: 42 },
      ];
      await engine.pushFiles(made.name, files);
      await engine.pushFiles(made.name, files);
      await engine.start(made.name);
      assert.equal(await inspect(made.name, '/home/ann'), '700 1000 1001 directory');
      assert.equal(await inspect(made.name, '/home/ann/.ssh'), '750 1000 1001 directory');
      assert.equal(await inspect(made.name, '/home/ann/.ssh/authorized_keys'), '600 1000 1001 regular file');
      assert.equal(await inspect(made.name, '/home/ann/file-19'), '644 0 0 regular file');
      assert.equal(await inspect(made.name, '/etc/passwd'), '640 0 42 regular file');
      await engine.pushFiles(made.name, [{ ...file('/home/ann/file-19', 'new'), mode: 0o604, uid: 7, gid: 8 }]);
      assert.equal(await inspect(made.name, '/home/ann/file-19'), '604 7 8 regular file');
    });

    test('pushFiles: into a directory that is not there fails', async () => {
      await using made = await instance();
      await rejectsWith('engine-failed', it().engine.pushFiles(made.name, [file('/no/such/dir/file', 'x')]));
    });

    test('readFile: refuses a directory and more than 1 MiB', async () => {
      const { engine } = it();
      await using made = await instance();
      await engine.pushFiles(made.name, [file('/etc/mega', 'x'.repeat(2 ** 20)), file('/etc/more', 'x'.repeat(2 ** 20 + 1))]);
      assert.equal((await engine.readFile(made.name, '/etc/mega'))?.length, 2 ** 20);
      await rejectsWith('engine-failed', engine.readFile(made.name, '/etc/more'));
      await rejectsWith('engine-failed', engine.readFile(made.name, '/etc'));
    });

    test('run: gives input, output and exit code, and again', async () => {
      const { engine } = it();
      await using made = await instance('running');
      const text = `${'line of input\n'.repeat(20_000)}end`;
      for (let round = 0; round < 2; round += 1) {
        assert.deepEqual(await engine.run(made.name, ['cat'], text), { exitCode: 0, stdout: text, stderr: '' });
        assert.deepEqual(await engine.run(made.name, ['cat']), { exitCode: 0, stdout: '', stderr: '' });
        assert.equal((await engine.run(made.name, ['false'])).exitCode, 1);
        assert.equal((await engine.run(made.name, ['echo', "a'b", '$HOME'])).stdout, "a'b $HOME\n");
      }
      assert.equal((await engine.run(made.name, ['no-such-program'])).exitCode, 127);
    });

    test('run: a stopped instance is a wrong state', async () => {
      await using made = await instance();
      await rejectsWith('wrong-state', it().engine.run(made.name, ['true']));
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

    test('images: list shows the image, import again keeps one, of the same reference', async () => {
      const { engine, image } = it();
      const reference = `${image.system}/${image.type}`;
      const find = async () => (await engine.images.list()).filter((seen) => seen.reference === reference);
      const [first] = await find();
      assert.equal(first?.recipe, image.recipe);
      assert.ok(first.sizeBytes > 0 && first.createdMs > 0);
      const again = await engine.images.import(image);
      assert.equal(again.fingerprint, first.fingerprint);
      assert.equal((await find()).length, 1);
    });

    test('images.import: another recipe replaces the image of that name; servers of the old one live on', async () => {
      await using dir = await temporaryDirectory();
      const { engine, image } = it();
      const other: ImageToImport = { ...image, type: 'other', recipe: 'a' };
      // A squashfs may be followed by anything: the same tree, another fingerprint.
      const changed = join(dir.path, 'changed.squashfs');
      await writeFile(changed, Buffer.concat([await readFile(image.rootfsPath), Buffer.alloc(4096)]));
      const first = await engine.images.import({ ...other, rootfsPath: changed });
      await using made = await instance('running', { image: 'test/other' });
      const larger = join(dir.path, 'larger.squashfs');
      await writeFile(larger, Buffer.concat([await readFile(image.rootfsPath), Buffer.alloc(8192)]));
      const second = await engine.images.import({ ...other, rootfsPath: larger, recipe: 'b' });
      assert.notEqual(second.fingerprint, first.fingerprint);
      const seen = (await engine.images.list()).filter(({ reference }) => reference === 'test/other');
      assert.deepEqual(
        seen.map(({ fingerprint, recipe }) => ({ fingerprint, recipe })),
        [{ fingerprint: second.fingerprint, recipe: 'b' }],
      );
      await engine.images.remove('test/other');
      await engine.images.remove('test/other');
      assert.equal(await stateOf(made.name), 'running');
      await engine.kill(made.name);
      await engine.start(made.name);
      assert.ok(
        (await engine.images.list()).some(({ type }) => type === image.type),
        'the other image is still there',
      );
    });

    test('images.import: a cut, a foreign and a missing file are image-broken, and the image of that name stays', async () => {
      await using dir = await temporaryDirectory();
      const { engine, image } = it();
      const whole = await readFile(image.rootfsPath);
      const broken = { cut: whole.subarray(0, whole.length - 8192), foreign: randomBytes(8192) };
      for (const [kind, bytes] of Object.entries(broken)) {
        const rootfsPath = join(dir.path, kind);
        await writeFile(rootfsPath, bytes);
        await rejectsWith('image-broken', engine.images.import({ ...image, rootfsPath }), kind);
      }
      await rejectsWith('image-broken', engine.images.import({ ...image, rootfsPath: join(dir.path, 'none') }));
      await using made = await instance();
      assert.equal(await stateOf(made.name), 'stopped');
    });

    suite('what only a real one can show', () => {
      const real = (title: string, body: () => Promise<void>): void => {
        void test(title, async (context) => {
          if (it().isReal) await body();
          else context.skip('this engine runs no programs');
        });
      };

      const sh = async (name: string, script: string) => await it().engine.run(name, ['sh', '-c', script]);

      real('run: errors apart from output, both bounded, and the signal ends the program', async () => {
        const { engine } = it();
        await using made = await instance('running');
        assert.deepEqual(await sh(made.name, 'echo out; echo err >&2; exit 3'), { exitCode: 3, stdout: 'out\n', stderr: 'err\n' });
        const flood = await sh(made.name, 'yes | head -c 3000000; yes | head -c 3000000 >&2');
        assert.deepEqual([flood.exitCode, flood.stdout.length, flood.stderr.length], [0, 2 ** 20, 2 ** 20]);
        await rejectsWith('cancelled', engine.run(made.name, ['sleep', '1000'], '', AbortSignal.timeout(300)));
        assert.doesNotMatch((await sh(made.name, 'ps')).stdout, /sleep 1000/u);
      });

      real('limits: a memory hog dies inside, alone', async () => {
        await using hog = await instance('running');
        await using neighbour = await instance('running');
        assert.notEqual((await sh(hog.name, 'tail /dev/zero')).exitCode, 0);
        assert.equal(await stateOf(hog.name), 'running');
        assert.equal((await sh(neighbour.name, 'echo here')).stdout, 'here\n');
      });

      real('limits: a fork bomb stays inside, and the engine still rules the instance', async () => {
        const { engine } = it();
        await using bomb = await instance('running');
        await using neighbour = await instance('running');
        await sh(bomb.name, 'for n in $(seq 300); do sleep 60 <&- >&- 2>&- & done; true');
        const processes = (await engine.usage(bomb.name))?.processes ?? 0;
        assert.ok(processes >= 90 && processes <= 100, `${processes} processes of 100`);
        assert.equal((await sh(neighbour.name, 'echo here')).stdout, 'here\n');
        await engine.kill(bomb.name);
        assert.equal(await stateOf(bomb.name), 'stopped');
      });

      real(
        'limits: the disk gives what was asked for and no more, the image not counted, and shrinks to no less than it holds',
        async () => {
          const { engine } = it();
          await using made = await instance('running', { limits: { ...small, diskBytes: 192 * 2 ** 20 } });
          const fill = (file: string, megabytes: number) => `dd if=/dev/zero of=/root/${file} bs=1048576 count=${megabytes} && sync`;
          assert.equal((await sh(made.name, fill('fits', 150))).exitCode, 0);
          await rejectsWith('bad-size', engine.setLimits(made.name, { diskBytes: 64 * 2 ** 20 }));
          assert.equal((await engine.get(made.name))?.limits?.diskBytes, 192 * 2 ** 20);
          const full = await sh(made.name, fill('rest', 150));
          assert.match(full.stderr, /quota|space/iu);
          await engine.setLimits(made.name, { diskBytes: 512 * 2 ** 20 });
          assert.equal((await sh(made.name, fill('rest', 150))).exitCode, 0);
          await using neighbour = await instance('running');
          assert.equal((await sh(neighbour.name, fill('some', 20))).exitCode, 0);
          assert.ok(((await engine.usage(made.name))?.diskBytes ?? 0) > 290 * 2 ** 20);
        },
      );

      real('limits: one CPU is one CPU', async () => {
        const { engine } = it();
        await using made = await instance('running');
        const before = (await engine.usage(made.name))?.cpuSeconds ?? 0;
        const started = performance.now();
        await sh(made.name, 'for n in 1 2 3 4; do (while true; do :; done) <&- >&- 2>&- & done; sleep 2');
        const elapsed = (performance.now() - started) / 1000;
        const spent = ((await engine.usage(made.name))?.cpuSeconds ?? 0) - before;
        assert.ok(spent <= elapsed * 1.25 + 0.2, `${spent} s of CPU in ${elapsed} s`);
        await engine.kill(made.name);
      });

      real('isolation: root inside is nobody outside, and no two instances share a uid range', async () => {
        await using one = await instance('running');
        await using other = await instance('running');
        const maps = await Promise.all(
          [one, other].map(async ({ name }) => (await sh(name, 'cat /proc/self/uid_map')).stdout.trim().split(/\s+/u)),
        );
        const outside = maps.map(([, host]) => Number(host));
        assert.ok(
          outside.every((uid) => uid >= 1_000_000),
          outside.join(),
        );
        assert.notEqual(outside[0], outside[1]);
        assert.equal((await sh(one.name, 'test -e /dev/incus/sock')).exitCode, 1, 'no way to ask the engine from inside');
      });
    });
  });
}

function file(path: string, content: string): Extract<FileToPush, { kind: 'file' }> {
  return { path, kind: 'file', mode: 0o644, uid: 0, gid: 0, content };
}

async function rejectsWith(code: ErrorCode, promise: Promise<unknown>, what = ''): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof Fault, `${what}: ${String(error)}`);
    assert.equal(error.code, code, `${what}: ${error.message}`);
    return true;
  });
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!isSo()) {
    assert.ok(performance.now() < deadline, `waited 15 s in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function temporaryDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'myserver-conformance-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
