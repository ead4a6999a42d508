/** What only Incus can do to us: die in the midst, come back, leave things behind. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { silentLog } from '../../base/log.ts';
import { Fault } from '../../base/fault.ts';
import { parseGeneration, parseServerId } from '../../core/ids.ts';
import { macOf } from '../../core/mac.ts';
import { makeTestEngine, type TestEngine } from '../../testing/test-engine.ts';
import { cableNameOf, instanceNameOf, type EngineEvent, type InstanceSpec } from '../engine.ts';
import { makeIncusEngine, type IncusEngine } from './incus-engine.ts';
import { makeTinyImage } from './tiny-image.testing.ts';

const runProgram = promisify(execFile);
const isLong = process.env['MYSERVER_TEST_LONG'] === '1';

const skip = isLong ? false : 'rare faults, and long: ./test --long';

suite('Incus engine under faults', { skip }, () => {
  let made: { readonly host: TestEngine; readonly engine: IncusEngine } | undefined;
  const installation = randomUUID();
  let used = 0;

  const it = () => {
    assert.ok(made !== undefined, 'the engine under test was made');
    return made;
  };
  const specify = (changes: Partial<InstanceSpec> = {}): InstanceSpec => {
    used += 1;
    const id = parseServerId(used);
    const generation = parseGeneration(randomUUID());
    const limits = { memoryBytes: 128 * 2 ** 20, cpus: 1, diskBytes: 256 * 2 ** 20 };
    const name = instanceNameOf(id, generation);
    return {
      name,
      tags: { installation, generation, id },
      image: 'test/tiny',
      limits,
      maxProcesses: 100,
      address: `10.77.3.${used}`,
      ...changes,
    };
  };
  const cableOf = ({ tags }: InstanceSpec) => cableNameOf(tags.id, tags.generation);
  const destroy = ({ name, tags }: InstanceSpec) => it().engine.destroy(name, tags);
  const stateOf = async (name: string) => (await it().engine.get(name))?.state;
  const inNetwork = (...words: readonly string[]) => {
    const [program = '', ...args] = [...it().host.enter, ...words];
    return runProgram(program, args);
  };
  const interfaces = async () => (await inNetwork('ip', '-o', 'link')).stdout;

  before(async () => {
    const host = await makeTestEngine();
    const { socket, project, pool, bridge, inside } = host;
    const engine = await makeIncusEngine({ socket, project, pool, network: bridge, log: silentLog, enter: inside });
    await engine.images.import(await makeTinyImage(host.dir));
    made = { host, engine };
  });
  after(async () => {
    made?.engine[Symbol.dispose]();
    await made?.host[Symbol.asyncDispose]();
  });

  test('create: the disk is what was asked for beside the image, from the first instance on', async () => {
    const { engine, host } = it();
    const specs = [specify(), specify()];
    for (const spec of specs) await engine.create(spec);
    const sizes = await Promise.all(
      specs.map(async ({ name }) => {
        const instance = (await host.api.ask('GET', `/1.0/instances/${name}?project=${host.project}`)) as {
          config: Record<string, string>;
          devices: { root: { size: string } };
        };
        return Number(instance.devices.root.size) - Number(instance.config['user.myserver.base']);
      }),
    );
    assert.deepEqual(sizes, [256 * 2 ** 20, 256 * 2 ** 20]);
    const [image] = (await host.api.ask('GET', `/1.0/images?recursion=1&project=${host.project}`)) as {
      properties: Record<string, string>;
    }[];
    assert.ok(Number(image?.properties['myserver.base']) > 500_000, 'the image knows what it takes');
    for (const spec of specs) await destroy(spec);
  });

  test('start: a cable that an earlier failed start left is swept and not in the way', async () => {
    const { engine } = it();
    const spec = specify();
    await engine.create(spec);
    await inNetwork('ip', 'link', 'add', cableOf(spec), 'type', 'veth', 'peer', 'name', 'left-behind');
    await engine.start(spec.name);
    assert.equal(await stateOf(spec.name), 'running');
    assert.doesNotMatch(await interfaces(), /left-behind/u);
    assert.match(await interfaces(), new RegExp(cableOf(spec), 'u'));
    await destroy(spec);
    assert.doesNotMatch(await interfaces(), new RegExp(cableOf(spec), 'u'));
  });

  test('destroy: an interface of the host that somebody named as the cable stays', async () => {
    const { engine, host } = it();
    const spec = specify();
    await engine.create(spec);
    await inNetwork('ip', 'link', 'add', 'precious', 'type', 'bridge');
    const path = `/1.0/instances/${spec.name}?project=${host.project}`;
    const { devices } = (await host.api.ask('GET', path)) as { readonly devices: { readonly eth0: Readonly<Record<string, string>> } };
    await host.api.ask('PATCH', path, { devices: { eth0: { ...devices.eth0, host_name: 'precious' } } });
    await destroy(spec);
    assert.match(await interfaces(), /precious/u);
    await inNetwork('ip', 'link', 'delete', 'precious');
  });

  test('start: an instance from before instances had MACs of ours gets ours, its data and its address stay', async () => {
    const { engine, host } = it();
    const spec = specify();
    await engine.create(spec);
    const path = `/1.0/instances/${spec.name}?project=${host.project}`;
    type Nic = Readonly<Record<string, string>>;
    const nicNow = async () => ((await host.api.ask('GET', path)) as { readonly devices: { readonly eth0: Nic } }).devices.eth0;
    const { hwaddr, host_name: cable, ...rest } = await nicNow();
    assert.deepEqual([hwaddr, cable], [macOf(spec.address), cableOf(spec)]);
    await host.api.ask('PATCH', path, { devices: { eth0: { ...rest, host_name: spec.name } } });
    // Started by hand, as Incus itself does after a reboot: it stays as it was.
    await host.api.ask('PUT', `/1.0/instances/${spec.name}/state?project=${host.project}`, { action: 'start' });
    const macInside = async () => (await engine.run(spec.name, ['cat', '/sys/class/net/eth0/address'])).stdout.trim();
    await engine.start(spec.name);
    assert.notEqual(await macInside(), macOf(spec.address));
    assert.match(await interfaces(), new RegExp(`${spec.name}@`, 'u'));
    await engine.pushFiles(spec.name, [{ path: '/etc/kept', kind: 'file', content: 'kept', mode: 0o644, uid: 0, gid: 0 }]);
    await engine.kill(spec.name);
    await engine.start(spec.name);
    assert.equal(await macInside(), macOf(spec.address));
    assert.match(await interfaces(), new RegExp(`${cableOf(spec)}@`, 'u'));
    assert.deepEqual(await nicNow(), { ...rest, hwaddr, host_name: cable });
    assert.equal(await engine.readFile(spec.name, '/etc/kept'), 'kept');
    await engine.kill(spec.name);
    await host.api.ask('PATCH', path, { devices: { eth0: { ...rest, hwaddr: '02:00:00:00:00:01', host_name: 'br9' } } });
    await engine.start(spec.name);
    assert.deepEqual(await nicNow(), { ...rest, hwaddr, host_name: cable }, 'what was changed by hand too');
    await destroy(spec);
  });

  test('start: a start that fails leaves no cable behind', async () => {
    const { engine, host } = it();
    const spec = specify();
    await engine.create(spec);
    const before = (await interfaces()).split('\n').length;
    const path = `/1.0/instances/${spec.name}?project=${host.project}`;
    await host.api.ask('PATCH', path, { config: { 'raw.lxc': 'lxc.mount.entry = /no/such/source mnt none bind 0 0' } });
    await assert.rejects(engine.start(spec.name), { code: 'engine-failed' });
    assert.equal((await interfaces()).split('\n').length, before);
    await destroy(spec);
  });

  test('create: whenever Incus is killed in the midst, a second create makes it whole', async () => {
    const { engine, host } = it();
    for (const afterMs of isLong ? [5, 15, 25, 35, 45, 60, 80, 100, 130] : [20, 60]) {
      const spec = specify();
      const outcome = engine.create(spec).then(
        () => 'made',
        (error: unknown) => (error instanceof Fault ? error.code : error),
      );
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      await host.crashIncus();
      assert.match(String(await outcome), /^(?:made|engine-unavailable)$/u, `killed after ${afterMs} ms`);
      await assert.rejects(engine.list(), { code: 'engine-unavailable' });
      await host.startIncus();
      await engine.create(spec);
      await engine.start(spec.name);
      assert.equal((await engine.run(spec.name, ['cat', '/etc/type'])).stdout, 'tiny\n', `killed after ${afterMs} ms`);
      await destroy(spec);
    }
    assert.deepEqual(await engine.list(), []);
  });

  test('watch: comes back by itself after Incus was away; instances live on', async () => {
    const { engine, host } = it();
    const spec = specify();
    await engine.create(spec);
    await engine.start(spec.name);
    const events: EngineEvent[] = [];
    const stop = new AbortController();
    engine.watch((event) => events.push(event), stop.signal);
    await until('the watch is on', () => events.length > 0);
    events.length = 0;
    await host.crashIncus();
    await host.startIncus();
    await until('it says that all may have changed', () => events.some(({ name }) => name === undefined));
    assert.equal(await stateOf(spec.name), 'running');
    events.length = 0;
    await engine.kill(spec.name);
    await until('the kill was seen', () => events.some(({ name }) => name === spec.name));
    stop.abort();
    await destroy(spec);
  });

  test('start, stop: what ran when the host went down runs after it came up, what was stopped does not', async () => {
    const { engine, host } = it();
    const [running, stopped] = [specify(), specify()];
    for (const spec of [running, stopped]) {
      await engine.create(spec);
      await engine.start(spec.name);
    }
    await engine.stop(stopped.name, 10_000);
    // The host's power goes: Incus first, then whatever still runs, and nobody writes anything down.
    const group = `${host.project}_${running.name}`;
    await host.crashIncus();
    // The monitor first, or it would report the end to whom it may concern.
    for (const part of ['lxc.monitor', 'lxc.payload']) {
      const script = `for list in /sys/fs/cgroup/${part}.${group}/cgroup.procs /sys/fs/cgroup/*/${part}.${group}/cgroup.procs; do
        test -e "$list" && kill -9 $(cat "$list"); done; true`;
      const command: readonly string[] = [...host.inside, 'sh', '-c', script];
      const [program = 'sh', ...args] = command;
      await runProgram(program, args);
    }
    await host.startIncus();
    const deadline = performance.now() + 15_000;
    while ((await stateOf(running.name)) !== 'running') {
      assert.ok(performance.now() < deadline, `it is ${await stateOf(running.name)} 15 s after the host came up`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.equal(await stateOf(stopped.name), 'stopped');
    for (const spec of [running, stopped]) await destroy(spec);
  });
});

async function until(what: string, isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!isSo()) {
    assert.ok(performance.now() < deadline, `waited 15 s in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
