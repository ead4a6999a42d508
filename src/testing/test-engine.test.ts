import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, readdir, readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { runProgram, tryProgram } from '../host/program.ts';
import { netnsNames, roomFile, sweepDeadEngines, testRoot } from './sweep.ts';
import { makeTestEngine, type TestEngine } from './test-engine.ts';

const isThere = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

async function loopFiles(): Promise<string> {
  return runProgram(['losetup', '--list', '--noheadings', '--output', 'BACK-FILE']);
}

async function assertGone(name: string): Promise<void> {
  const { engine, client } = netnsNames(name);
  const netns = await readdir('/run/netns');
  assert.deepEqual([netns.includes(engine), netns.includes(client), await isThere(`${testRoot}/${name}`)], [false, false, false]);
  assert.ok(!(await loopFiles()).includes(`/${name}/`), 'a loop device is left');
}

async function serverPid({ api }: TestEngine): Promise<number> {
  const answer = await api.ask<{ environment: { server_pid: number } }>('GET', '/1.0');
  return answer?.environment.server_pid ?? 0;
}

suite('makeTestEngine', () => {
  test('makeTestEngine gives two engines at once, each with its own pool, bridge and project, and nothing is left of them', async () => {
    const [first, second] = await Promise.all([makeTestEngine(), makeTestEngine()]);
    {
      await using one = first;
      await using two = second;
      assert.notEqual(one.name, two.name);
      for (const { api, project, pool, bridge } of [one, two]) {
        const things = [`/1.0/projects/${project}`, `/1.0/storage-pools/${pool}`, `/1.0/networks/${bridge}`];
        for (const path of things) assert.ok(await api.ask('GET', path), path);
      }
      assert.ok((await loopFiles()).includes(one.incusDir));
    }
    await assertGone(first.name);
    await assertGone(second.name);
  });

  test('TestEngine.enterClient reaches the public address, and neither machine reaches this one', async () => {
    await using engine = await makeTestEngine();
    const { publicAddress, enter, enterClient } = engine;
    const listener = spawn(enter[0] ?? '', [
      ...enter.slice(1),
      process.execPath,
      '-e',
      "require('net').createServer((s) => s.end('hello')).listen(2123, () => console.log('up'))",
    ]);
    await once(createInterface({ input: listener.stdout }), 'line');
    const ask = (address: string, port = 2123) => ['timeout', '2', 'bash', '-c', `cat < /dev/tcp/${address}/${port}`];
    assert.equal(await runProgram([...enterClient, ...ask(publicAddress)]), 'hello');
    const own = JSON.parse(await runProgram(['ip', '-j', 'route', 'get', '192.0.2.1'])) as readonly { prefsrc?: string }[];
    const ours = own[0]?.prefsrc ?? '127.0.0.1';
    const vain = [ask(publicAddress), ...[enter, enterClient].map((words) => [...words, ...ask(ours, 22)])];
    for (const { exitCode } of await Promise.all(vain.map(async (words) => await tryProgram(words)))) assert.notEqual(exitCode, 0);
    const ended = once(listener, 'exit');
    listener.kill('SIGTERM');
    // By the signal itself: what `enter` starts is the program, with no process between.
    assert.deepEqual(await ended, [null, 'SIGTERM']);
  });

  test('TestEngine.crashIncus and startIncus give another incusd over the same state', async () => {
    await using engine = await makeTestEngine();
    const before = await serverPid(engine);
    await engine.crashIncus();
    await assert.rejects(engine.api.ask('GET', '/1.0'), { code: 'engine-unavailable' });
    await engine.startIncus();
    assert.notEqual(await serverPid(engine), before);
    assert.ok(await engine.api.ask('GET', `/1.0/storage-pools/${engine.pool}`));
  });

  test('sweepDeadEngines takes away what a killed run left, whoever else sweeps, and nothing of a living one', async () => {
    await using mine = await makeTestEngine();
    const program = `const { makeTestEngine } = await import(${JSON.stringify(`${import.meta.dirname}/test-engine.ts`)}); const e = await makeTestEngine(); console.log(e.name); setInterval(() => {}, 1000);`;
    const other = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [name] = (await once(createInterface({ input: other.stdout }), 'line')) as [string];
    const leftPids = (await readFile(`${testRoot}/${name}/lxcfs.pid`, 'utf8')).trim();
    assert.notEqual(leftPids, '');
    // What is not on the disk yet makes the undoing of the mount last, as it does on a busy machine.
    const room = Number.parseInt(await readFile(roomFile(`${testRoot}/${name}`), 'utf8'), 10);
    const big = `/proc/${room}/root${testRoot}/${name}/incus/storage-pools/${mine.pool}/big`;
    await runProgram(['dd', 'if=/dev/urandom', `of=${big}`, 'bs=1M', 'count=200', 'status=none']);
    const ended = once(other, 'exit');
    other.kill('SIGKILL');
    await ended;
    const sweepers = Array.from({ length: 3 }, async (_, each) => {
      await sleep(each * 20);
      await sweepDeadEngines();
      await assertGone(name);
    });
    await Promise.all(sweepers);
    const { stdout } = await tryProgram(['pgrep', '-f', `${testRoot}/${name}/`]);
    assert.equal(stdout, '', 'processes of the killed run live on');
    assert.ok(await mine.api.ask('GET', '/1.0'));
  });
});
