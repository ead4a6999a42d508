import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { failure, run } from './run.ts';

const never = new AbortController().signal;

/** Processes whose arguments hold the word. */
async function processesWith(word: string): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/u.test(name) && name !== String(process.pid));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.filter((line) => line.includes(word)).length;
}

async function untilGone(word: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while ((await processesWith(word)) > 0) {
    assert.ok(Date.now() < deadline, `processes of ${word} are still there`);
    await sleep(20);
  }
}

/** Mounts something below the directory, starts a process in a session of its own that bears the word, and ends at no polite signal. */
const stubborn = `trap '' TERM HUP; mount -t tmpfs none "$1"; setsid sh -c 'echo mounted; sleep 1000; :' "$2" & wait`;

suite('run', () => {
  test('run gives standard output, and each line of both outputs as it comes', async () => {
    const lines: string[] = [];
    const output = await run('sh', ['-c', 'echo one; echo two >&2; printf "50%%\\r100%%"'], never, { onLine: (line) => lines.push(line) });
    assert.equal(output, 'one\n50%\r100%');
    assert.deepEqual(lines.toSorted(), ['100%', '50%', 'one', 'two']);
  });

  test('run says what was run, how it ended and what it said last', async () => {
    await assert.rejects(run('sh', ['-c', 'echo chatter; echo "E: it broke" >&2; exit 7'], never), {
      code: 'build-failed',
      message: 'the image was not built: sh ended with code 7; it said last: E: it broke',
    });
    await assert.rejects(run('no-such-program-here', [], never), {
      code: 'cannot-here',
      message: /no-such-program-here could not be started/u,
    });
  });

  test('failure knows a full disk, an unreachable network, a missing package and a bad signature', () => {
    const known = {
      'E: Write error - write (28: No space left on device)': /disk is full/u,
      "Err:1 http://mirror.example bookworm InRelease Temporary failure resolving 'mirror.example'": /does not reach/u,
      'E: Unable to locate package nosuch': /lack a package/u,
      'W: GPG error: NO_PUBKEY 0E98404D386FA1D9': /not signed/u,
    };
    for (const [line, words] of Object.entries(known)) {
      const error = failure('mmdebstrap', 'ended with code 1', ['I: something', line]);
      assert.match(error.message, words);
      assert.equal((error as { code?: string }).code, 'cannot-here');
    }
  });

  test('run in namespaces of its own ends every process and mount at an abort, before it rejects', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'myserver-run-'));
    const word = `stubborn-${process.pid}-abort`;
    const controller = new AbortController();
    const onLine = (line: string) => {
      if (line === 'mounted') controller.abort();
    };
    await assert.rejects(run('sh', ['-c', stubborn, 'sh', dir, word], controller.signal, { onLine, isApart: true }), { code: 'cancelled' });
    assert.equal(await processesWith(word), 0);
    assert.ok(!(await readFile('/proc/self/mountinfo', 'utf8')).includes(dir));
    await rm(dir, { recursive: true });
  });

  test('run in namespaces of its own leaves no process when our own process is killed', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'myserver-run-'));
    const word = `stubborn-${process.pid}-killed`;
    const program = `const { run } = await import(${JSON.stringify(join(import.meta.dirname, 'run.ts'))});
      await run('sh', ['-c', ${JSON.stringify(stubborn)}, 'sh', ${JSON.stringify(dir)}, process.env.WORD], new AbortController().signal, { onLine: console.log, isApart: true });`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', program], {
      env: { ...process.env, WORD: word },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(createInterface({ input: parent.stdout }), 'line');
    assert.ok((await processesWith(word)) > 0);
    parent.kill('SIGKILL');
    await untilGone(word);
    assert.ok(!(await readFile('/proc/self/mountinfo', 'utf8')).includes(dir));
    await rm(dir, { recursive: true });
  });
});
