import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { processName } from '../testing/process-name.ts';
import { runProgram, tryProgram } from './program.ts';

const supervise = join(import.meta.dirname, '../../packaging/supervise');

suite('supervise', () => {
  let dir = '';
  const env = () => ({ MYSERVER_RUN_DIR: dir, MYSERVER_LOG_DIR: dir });
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'myserver-supervise-'));
  });
  after(async () => {
    await tryProgram([supervise, 'stop', 'it'], { env: env() });
    await rm(dir, { recursive: true });
  });

  const start = () => runProgram([supervise, 'start', 'it', 'sh', '-c', 'echo began; exec sleep 1000'], { env: env() });
  const status = async () => (await tryProgram([supervise, 'status', 'it'], { env: env() })).exitCode;
  const nameIn = (file: string) =>
    readFile(join(dir, file), 'utf8').then(
      (text) => text.trim(),
      () => '',
    );
  const pidOf = (name: string) => Number.parseInt(name, 10);
  const eventually = async (what: string, isSo: () => Promise<boolean>) => {
    const deadline = Date.now() + 20_000;
    while (!(await isSo())) {
      if (Date.now() > deadline) assert.fail(`not within 20 s: ${what}`);
      await sleep(50);
    }
  };
  /** The program that runs, once it is another than `former`. */
  const running = async (former = '') => {
    await eventually('the program runs', async () => {
      const name = await nameIn('it.pid');
      return name !== '' && name !== former && processName(pidOf(name)) === name;
    });
    return nameIn('it.pid');
  };

  test('supervise start keeps one program, however often it is called', async () => {
    await start();
    const first = await running();
    await start();
    assert.equal(await status(), 0);
    assert.equal(await nameIn('it.pid'), first);
  });

  test('supervise starts the program again when it is killed, and says so in the log', async () => {
    const former = await running();
    process.kill(pidOf(former), 'SIGKILL');
    await running(former);
    assert.match(await readFile(join(dir, 'it.log'), 'utf8'), /began\n.*ended with code 137.*\nbegan\n/u);
  });

  test('supervise start ends what a killed keeper left behind before it starts another', async () => {
    const former = await running();
    process.kill(pidOf(await nameIn('it.keeper')), 'SIGKILL');
    await eventually('the keeper is gone', async () => (await status()) !== 0);
    assert.equal(processName(pidOf(former)), former);
    await start();
    await running(former);
    assert.equal(processName(pidOf(former)), undefined);
  });

  test('supervise stop ends program and keeper, and may be repeated', async () => {
    const former = await running();
    for (let times = 0; times < 2; times += 1) await runProgram([supervise, 'stop', 'it'], { env: env() });
    assert.equal(processName(pidOf(former)), undefined);
    assert.notEqual(await status(), 0);
    assert.equal(await nameIn('it.keeper'), '');
  });

  test('supervise stop ends no stranger that has the PID of a keeper of long ago', async () => {
    await writeFile(join(dir, 'it.keeper'), `${process.pid} 1\n`);
    await runProgram([supervise, 'stop', 'it'], { env: env() });
    assert.notEqual(await status(), 0);
  });

  test('supervise reload sends SIGHUP to the program, which goes on, and fails where there is none', async () => {
    await tryProgram([supervise, 'stop', 'it'], { env: env() });
    assert.notEqual((await tryProgram([supervise, 'reload', 'it'], { env: env() })).exitCode, 0);
    const log = async () => await readFile(join(dir, 'it.log'), 'utf8').catch(() => '');
    const script = 'trap "echo anew" HUP; echo ready to hear; while :; do sleep 0.1; done';
    await runProgram([supervise, 'start', 'it', 'sh', '-c', script], { env: env() });
    await eventually('it is ready', async () => (await log()).includes('ready to hear'));
    await runProgram([supervise, 'reload', 'it'], { env: env() });
    await eventually('it has heard', async () => (await log()).includes('anew'));
    assert.equal(await status(), 0);
  });
});
