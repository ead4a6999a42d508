/** Control on a real store and the fakes of engine and firewall, for tests of what it decides. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../base/log.ts';
import { systemClock } from '../base/clock.ts';
import type { Actor } from '../core/access.ts';
import { parsePersonName } from '../core/names.ts';
import { parsePlan } from '../core/plan.ts';
import type { WebOrigins } from '../core/web-origins.ts';
import { rulesOf } from '../core/ruleset-plan.ts';
import { defaultLimits } from '../core/server.ts';
import type { Caller } from '../control/caller.ts';
import type { ServerControl } from '../control/control.ts';
import { leasesOnWire } from '../control/leases-on-wire.ts';
import { makeRecordingFiles } from '../control/gateway/recording-files.ts';
import { makeServerControl, type ServerControlOptions, type WholeControl } from '../control/server-control.ts';
import type { HostHands, ServerSettings } from '../control/servers/settings.ts';
import { type FakeEngine, makeFakeEngine } from '../engines/fake/fake-engine.ts';
import { fakeImage, FakeWorld } from '../engines/fake/fake-world.ts';
import { recipeOf } from '../host/image/recipe.ts';
import { type FakeFirewall, makeFakeFirewall } from '../network/fake/fake-firewall.ts';
import { openStore } from '../store/open.ts';
import type { Store } from '../store/store.ts';
import { type Life, mortal } from './mortal.ts';

export interface ControlRoom extends AsyncDisposable {
  readonly control: WholeControl;
  readonly store: Store;
  readonly engine: FakeEngine;
  readonly firewall: FakeFirewall;
  readonly held: Set<number>;
  /** Made by whoever puts a recording there. */
  readonly recordingsDir: string;
  /** A caller for a person of that name, made when there is none yet. */
  as(name: string, role?: 'user' | 'staff' | 'administrator'): Promise<Caller>;
  /** Another control on the same store, engine and firewall; the former one is let go without ceremony. */
  restart(life?: Life): Promise<WholeControl>;
}

export const rootCaller: Caller = { actor: { kind: 'root' }, via: 'root', fromAddress: undefined, tokenId: undefined };

const settings: ServerSettings = {
  system: 'debian12',
  type: 'minimal',
  limits: defaultLimits,
  quota: { servers: 5, cpus: 8, memoryBytes: 8 * 2 ** 30, diskBytes: 50 * 2 ** 30 },
  overcommit: { memory: 100, cpus: 1000, disk: 1000 },
  maxProcesses: 500,
  hasClassicPasswords: false,
  stopGraceMs: 1000,
  insideMs: 300,
  sshWaitMs: 100,
  stoppedInsideMs: 100,
};

export interface ControlRoomOptions {
  readonly settings?: Partial<ServerSettings>;
  readonly hashPassword?: HostHands['hashPassword'];
  readonly lookupTxt?: (name: string) => Promise<readonly string[]>;
  readonly web?: WebOrigins;
  readonly edgeTrouble?: string;
}

const facts: ServerControlOptions['facts'] = {
  version: 'test',
  publicHost: 'host.example',
  bastion: () => undefined,
  web: () => undefined,
  isSelfCertified: () => false,
  recording: 'owner',
};

const nothingAway: Pick<ServerControlOptions, 'certificates' | 'isGatewayAway'> = {
  certificates: () => ({ certificates: [], challenges: [], authority: undefined }),
  isGatewayAway: () => false,
};

export async function makeControlRoom(options: ControlRoomOptions = {}): Promise<ControlRoom> {
  const dir = await mkdtemp(join(tmpdir(), 'myserver-room-'));
  const store = await openStore({ path: join(dir, 'state', 'store.db'), clock: systemClock, log: silentLog });
  const engine = makeFakeEngine({ world: worldWithImages() });
  const firewall = makeFakeFirewall();
  const held = new Set<number>();
  const recordingsDir = join(dir, 'recordings');
  const plan = parsePlan({});
  const lives = new Map<ServerControl, Life | undefined>();

  function build(life?: Life): WholeControl {
    const alive = <T extends object>(thing: T): T => (life === undefined ? thing : mortal(thing, life));
    return makeServerControl({
      store: alive(store),
      engine: alive(engine),
      firewall: alive(firewall),
      plan,
      rulesetOf: (servers) => ({
        table: 'myserver',
        bridge: 'br0',
        ...rulesOf(plan, leasesOnWire(servers)),
        hostServices: [],
        blockedDestinations: [],
        keepSource: true,
        otherForwarding: 'leave',
      }),
      builder: { build: () => Promise.reject(new Error('no images are built in this test')) },
      recipes: { of: recipeOf, buildable: () => Promise.resolve([]) },
      hands: handsFor(held, options),
      host: { examine: () => Promise.resolve([]), mend: () => Promise.resolve(''), checkPlan: () => Promise.resolve([]) },
      settings: { ...settings, ...options.settings },
      auditKeptMs: 400 * 86_400_000,
      auditKeptLines: 2_000_000,
      recordingFiles: makeRecordingFiles({ dir: recordingsDir, keptMs: 30 * 86_400_000, clock: systemClock }),
      facts: { ...facts, web: () => options.web },
      passKey: '',
      lookupTxt: options.lookupTxt ?? (() => Promise.resolve([])),
      ...nothingAway,
      edgeTrouble: () => options.edgeTrouble,
      clock: systemClock,
      log: silentLog,
    });
  }

  let control = build();
  await control.start();
  return {
    get control() {
      return control;
    },
    store,
    engine,
    firewall,
    held,
    recordingsDir,
    as: async (name, role = 'user') => await callerOf(store, name, role),
    async restart(life) {
      // One that has died never answers: it is told to let go of its timers, and not waited for.
      const former = control.stop();
      if (lives.get(control) === undefined) await former;
      control = build(life);
      lives.set(control, life);
      if (life === undefined) await control.start();
      return control;
    },
    async [Symbol.asyncDispose]() {
      const ending = control.stop();
      if (lives.get(control) === undefined) await ending;
      await store[Symbol.asyncDispose]();
      await rm(dir, { recursive: true });
    },
  };
}

function handsFor(held: ReadonlySet<number>, { hashPassword }: ControlRoomOptions): HostHands {
  return {
    heldIds: () => Promise.resolve(held),
    hashPassword: hashPassword ?? ((password) => Promise.resolve(`$6$${password.reveal().length}`)),
    answersSsh: () => Promise.resolve(true),
    means: { memoryBytes: 16 * 2 ** 30, cpus: 4 },
  };
}

function worldWithImages(): FakeWorld {
  const world = new FakeWorld();
  for (const type of ['minimal', 'web']) {
    const image = fakeImage(`debian12/${type}`, recipeOf('debian12', type).version);
    world.images.set(image.reference, image);
  }
  return world;
}

async function callerOf(store: Store, text: string, role: 'user' | 'staff' | 'administrator'): Promise<Caller> {
  const name = parsePersonName(text);
  if ((await store.people.get(name)) === undefined) {
    const quota = { servers: undefined, cpus: undefined, memoryBytes: undefined, diskBytes: undefined };
    await store.people.add({ name, role, passwordHash: undefined, passwordMustChange: false, canCreate: true, quota });
  }
  const actor: Actor | undefined = await store.people.actor(name);
  if (actor === undefined) throw new Error(`${text} is not there`);
  return { actor, via: 'cli', fromAddress: undefined, tokenId: undefined };
}
