/** What every engine must pass: files and programs inside an instance. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FileToPush } from '../core/provision.ts';
import { type ConformanceRoom, file, rejectsWith } from './conformance-room.testing.ts';

export function testInside({ it, instance }: ConformanceRoom): void {
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
}
