/** A real store in a directory of its own, for tests, and the people and requests they need. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../base/log.ts';
import { parseServerId } from '../core/ids.ts';
import { parsePersonName } from '../core/names.ts';
import { defaultLimits } from '../core/server.ts';
import { openStore } from './open.ts';
import type { NewPerson } from './people.ts';
import type { Recipient, TakeRequest } from './servers.ts';
import type { Store } from './store.ts';

export interface TestStore extends AsyncDisposable {
  readonly store: Store;
  readonly path: string;
  readonly directory: string;
  /** The store's time, set by the test. */
  readonly clock: { nowMs: number; now(): number };
  /** Closes the store and opens it again, as a restart does. */
  reopen(): Promise<Store>;
}

export const alice = parsePersonName('alice');
export const bob = parsePersonName('bob');

export function newPerson(name: string, more: Partial<NewPerson> = {}): NewPerson {
  return {
    name: parsePersonName(name),
    role: 'user',
    passwordHash: undefined,
    passwordMustChange: false,
    canCreate: true,
    quota: { servers: undefined, cpus: undefined, memoryBytes: undefined, diskBytes: undefined },
    ...more,
  };
}

export type TakeChange = Partial<TakeRequest & Recipient>;

/** One server for alice, asked by herself, with nothing that limits it. */
export function takeRequest({ owner = alice, admin = owner, quota, ...more }: TakeChange = {}): TakeRequest {
  return {
    recipients: [{ owner, admin, quota }],
    count: 1,
    wantedId: undefined,
    idRange: { first: 0, last: 999 },
    unusable: new Set(),
    name: undefined,
    system: 'debian12',
    type: 'minimal',
    limits: defaultLimits,
    notes: '',
    imageFingerprint: undefined,
    capacity: { memoryBytes: undefined, cpus: undefined, diskBytes: undefined },
    params: {},
    idempotency: undefined,
    origin: { person: alice, via: 'rest', fromAddress: '198.51.100.7' },
    ...more,
  };
}

/** Takes with these changes and returns the one lease; fails the test when it was something else. */
export async function takeOne(store: Pick<Store, 'leases'>, more: TakeChange = {}) {
  const taken = await store.leases.take(takeRequest(more));
  const lease = taken.kind === 'taken' ? taken.leases[0] : undefined;
  if (lease === undefined) throw new Error(`a lease was expected, not ${taken.kind}`);
  return lease;
}

export const serverId = (id: number) => parseServerId(id);

/** A store with alice and bob in it. */
export async function makeTestStore(): Promise<TestStore> {
  const directory = await mkdtemp(join(tmpdir(), 'store-'));
  const path = join(directory, 'store.db');
  const clock = { nowMs: 1_800_000_000_000, now: () => clock.nowMs };
  let store = await openStore({ path, clock, log: silentLog });
  await store.people.add(newPerson('alice'));
  await store.people.add(newPerson('bob'));
  return {
    get store() {
      return store;
    },
    path,
    directory,
    clock,
    reopen: async () => {
      await store[Symbol.asyncDispose]();
      store = await openStore({ path, clock, log: silentLog });
      return store;
    },
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
}
