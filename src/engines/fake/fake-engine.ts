/**
 * The engine that tests of decisions use: in memory, as quick as memory, and able to fail, hang and change behind our back on demand. It passes the
 * same conformance suite as the real one.
 */
import { readFile } from 'node:fs/promises';
import type { Fault } from '../../base/fault.ts';
import { fault } from '../../core/errors.ts';
import type { FileToPush } from '../../core/provision.ts';
import { formatSize } from '../../core/sizes.ts';
import type { Engine, EngineImages, InstanceSeen, InstanceSpec, InstanceTags } from '../engine.ts';
import { FakeFaults, type FakeCall } from './fake-faults.ts';
import { baseFiles, runFake } from './fake-inside.ts';
import { fakeImage, FakeWorld, type FakeInstance } from './fake-world.ts';

export interface FakeEngineOptions {
  /** Outlives the engine: give the same one to the next. */
  readonly world?: FakeWorld;
  /** How long each call takes. */
  readonly delayMs?: number;
}

export interface FakeEngine extends Engine {
  readonly world: FakeWorld;
  /** Calls made so far, in order: `start s1-00000001`. */
  readonly calls: readonly string[];
  /** How long each call takes from now on. */
  delayMs: number;
  /** The next `call` throws: before it did anything, or with `afterwards`, when all is done and only the answer is lost. */
  failNext(call: FakeCall, problem: Fault, when?: 'before' | 'afterwards'): void;
  /** The next `call` does not end until its signal fires; then it throws `cancelled`. */
  hangNext(call: FakeCall): void;
}

const mostReadBytes = 2 ** 20;

export function makeFakeEngine(options: FakeEngineOptions = {}): FakeEngine {
  const world = options.world ?? new FakeWorld();
  const faults = new FakeFaults(world, options.delayMs ?? 0);
  return {
    world,
    calls: faults.calls,
    get delayMs() {
      return faults.delayMs;
    },
    set delayMs(value) {
      faults.delayMs = value;
    },
    failNext: (call, problem, when = 'before') => faults.failNext(call, problem, when),
    hangNext: (call) => faults.hangNext(call),
    ...queries(world, faults),
    ...verbs(world, faults),
    ...inside(world, faults),
    images: images(world, faults),
    watch(onEvent, signal) {
      if (signal.aborted) return;
      world.watch((name) => onEvent({ name }), signal);
      queueMicrotask(() => {
        if (!signal.aborted) onEvent({ name: undefined });
      });
    },
  };
}

function queries(world: FakeWorld, faults: FakeFaults): Pick<Engine, 'facts' | 'list' | 'get' | 'usage'> {
  return {
    facts: (signal) =>
      faults.through('facts', '', signal, () => ({
        kind: 'fake',
        version: '0',
        liveChanges: ['memoryBytes', 'cpus', 'diskBytes'],
        canPause: true,
        pool: { totalBytes: world.poolBytes, usedBytes: world.usedBytes() },
      })),
    list: (signal) => faults.through('list', '', signal, () => [...world.instances.values()].map(seen)),
    get: (name, signal) =>
      faults.through('get', name, signal, () => {
        const instance = world.instances.get(name);
        return instance === undefined ? undefined : seen(instance);
      }),
    usage: (name, signal) =>
      faults.through('usage', name, signal, () => {
        const instance = world.instances.get(name);
        if (instance === undefined) return undefined;
        const on = instance.state === 'stopped' ? 0 : 1;
        return {
          memoryBytes: on * 2 ** 24,
          diskBytes: instance.heldBytes,
          cpuSeconds: on,
          processes: on,
          receivedBytes: on,
          sentBytes: on,
        };
      }),
  };
}

type Verbs = Pick<Engine, 'create' | 'start' | 'stop' | 'kill' | 'pause' | 'resume' | 'destroy' | 'reclaim' | 'retag' | 'setLimits'>;

function verbs(world: FakeWorld, faults: FakeFaults): Verbs {
  const enter = (name: string, state: InstanceSeen['state']) => {
    const instance = required(world, name);
    if (instance.state === state) return;
    instance.state = state;
    world.tell(name);
  };
  const freeze = (name: string, state: 'paused' | 'running') => {
    if (required(world, name).state === 'stopped')
      throw fault('wrong-state', `cannot pause or resume ${name}: it is not running; start it first`);
    enter(name, state);
  };
  return {
    create: (spec, signal) => faults.through('create', spec.name, signal, () => create(world, spec)),
    start: (name, signal) => faults.through('start', name, signal, () => enter(name, 'running')),
    stop: (name, _graceMs, signal) => faults.through('stop', name, signal, () => enter(name, 'stopped')),
    kill: (name, signal) => faults.through('kill', name, signal, () => enter(name, 'stopped')),
    pause: (name, signal) => faults.through('pause', name, signal, () => freeze(name, 'paused')),
    resume: (name, signal) => faults.through('resume', name, signal, () => freeze(name, 'running')),
    destroy: (name, tags, signal) =>
      faults.through('destroy', name, signal, () => {
        const instance = world.instances.get(name);
        if (instance === undefined) return;
        if (instance.tags?.installation !== tags.installation || instance.tags.generation !== tags.generation) {
          throw fault('conflict', `${name} was not destroyed: its tags are not those of generation ${tags.generation}`);
        }
        world.lose(name);
      }),
    reclaim: (signal) => faults.through('reclaim', '', signal, () => {}),
    retag: (name, tags, signal) =>
      faults.through('retag', name, signal, () => {
        required(world, name).tags = tags;
        world.tell(name);
      }),
    setLimits: (name, limits, signal) =>
      faults.through('setLimits', name, signal, () => {
        const instance = required(world, name);
        const { diskBytes } = limits;
        if (diskBytes !== undefined && diskBytes < instance.heldBytes) {
          throw fault('bad-size', `the disk of ${name} cannot become ${formatSize(diskBytes)}: it holds ${instance.heldBytes} bytes now`);
        }
        instance.limits = { ...instance.limits, ...limits };
        world.tell(name);
      }),
  };
}

function create(world: FakeWorld, spec: InstanceSpec): void {
  const { name, tags, image, limits, address } = spec;
  const former = world.instances.get(name);
  if (former !== undefined) {
    if (isSame(former.tags, tags)) return;
    throw fault('conflict', `an instance named ${name} is there already, with other tags; it was not touched`);
  }
  const holder = [...world.instances.values()].find((other) => other.address === address);
  if (holder !== undefined) throw fault('conflict', `could not create ${name}: ${holder.name} has the address ${address} already`);
  if (!world.images.has(image)) throw fault('no-such-image', `there is no image ${image}; "myserver image build" makes one`);
  if (world.usedBytes() >= world.poolBytes) throw fault('pool-full', `could not create ${name}: the disk pool is full`);
  world.instances.set(name, { name, tags, state: 'stopped', address, limits, image, files: baseFiles(), heldBytes: 0 });
  world.tell(name);
}

function isSame(found: InstanceTags | undefined, wanted: InstanceTags): boolean {
  return found?.installation === wanted.installation && found.generation === wanted.generation && found.id === wanted.id;
}

function inside(world: FakeWorld, faults: FakeFaults): Pick<Engine, 'readFile' | 'pushFiles' | 'run'> {
  return {
    readFile: (name, path, signal) =>
      faults.through('readFile', name, signal, () => {
        const file = required(world, name).files.get(path);
        if (file === undefined) return undefined;
        if (file.kind === 'directory') throw fault('engine-failed', `could not read ${path} of ${name}: it is a directory, not a file`);
        if (file.content.length > mostReadBytes) throw fault('engine-failed', `could not read ${path} of ${name}: it is longer than 1 MiB`);
        return Buffer.from(file.content).toString('utf8');
      }),
    pushFiles: (name, files, signal) =>
      faults.through('pushFiles', name, signal, () => {
        const { files: there } = required(world, name);
        for (const kind of ['directory', 'file'] as const) for (const file of files) if (file.kind === kind) push(there, file);
      }),
    run: (name, argv, input = '', signal?: AbortSignal) =>
      faults.through('run', name, signal, () => {
        if (required(world, name).state !== 'running')
          throw fault('wrong-state', `cannot run anything in ${name}: it is not running; start it first`);
        return runFake(argv, input);
      }),
  };
}

function push(there: FakeInstance['files'], file: FileToPush): void {
  const { path, kind, mode, uid, gid } = file;
  if (!path.startsWith('/')) throw fault('bad-request', `"${path}" is not an absolute path`);
  const parent = path.slice(0, Math.max(1, path.lastIndexOf('/')));
  if (there.get(parent)?.kind !== 'directory') throw fault('engine-failed', `could not write ${path}: there is no directory ${parent}`);
  there.set(path, { kind, mode, uid, gid, content: Buffer.from(file.kind === 'file' ? file.content : '') });
}

function images(world: FakeWorld, faults: FakeFaults): EngineImages {
  return {
    list: (signal) => faults.through('images.list', '', signal, () => [...world.images.values()]),
    async import(image, signal) {
      const bytes = await readFile(image.rootfsPath).catch(() => Buffer.alloc(0));
      return await faults.through('images.import', `${image.system}/${image.type}`, signal, () => {
        if (bytes.toString('latin1', 0, 4) !== 'hsqs' || bytes.readBigUInt64LE(40) > BigInt(bytes.length)) {
          throw fault('image-broken', `the image file ${image.rootfsPath} is no whole squashfs; build the image again`);
        }
        return keep(world, `${image.system}/${image.type}`, image.recipe);
      });
    },
    fetch: (image, onProgress, signal) =>
      faults.through('images.fetch', image.remote, signal, () => {
        onProgress('100%');
        return keep(world, `${image.system}/${image.type}`, '');
      }),
    remove: (reference, signal) =>
      faults.through('images.remove', reference, signal, () => {
        world.images.delete(reference);
      }),
  };
}

function keep(world: FakeWorld, reference: string, recipe: string): ReturnType<typeof fakeImage> {
  const image = fakeImage(reference, recipe);
  world.images.set(reference, image);
  return image;
}

function required(world: FakeWorld, name: string): FakeInstance {
  const instance = world.instances.get(name);
  if (instance === undefined) throw fault('not-found', `the engine has no instance ${name}`);
  return instance;
}

function seen(instance: FakeInstance): InstanceSeen {
  const { name, tags, state, address, limits, image } = instance;
  return { name, tags, state, address, limits, image: image === '' ? undefined : image };
}
