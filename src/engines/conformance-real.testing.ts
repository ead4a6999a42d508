/** What only an engine with a kernel below it can show: limits that hold, and who is who outside. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type ConformanceRoom, rejectsWith, small } from './conformance-room.testing.ts';

export function testReal({ it, instance, stateOf }: ConformanceRoom): void {
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

    real('limits: the disk gives what was asked for and no more, the image not counted, and shrinks to no less than it holds', async () => {
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
    });

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
}
