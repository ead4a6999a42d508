/**
 * The engine that is Incus 6.0, over its unix socket. An instance states everything itself, an
 * isolated uid range always and privileges never; Incus keeps the truth of what there is, nothing is remembered here.
 */
import { statfs } from 'node:fs/promises';
import type { Log } from '../../base/log.ts';
import type { Engine, EngineFacts } from '../engine.ts';
import { makeIncusClient, type IncusClient } from './incus-client.ts';
import { createInstance } from './incus-create.ts';
import { freeSoon, reclaimSpace } from './incus-disk.ts';
import { isNotFound } from './incus-error.ts';
import { pushInstanceFiles, readInstanceFile } from './incus-files.ts';
import { makeImages } from './incus-images.ts';
import { seenOf, type IncusInstance } from './incus-instance.ts';
import { destroyInstance, killInstance, pauseInstance, resumeInstance, retagInstance, startInstance, stopInstance } from './incus-life.ts';
import { setInstanceLimits } from './incus-limits.ts';
import { lookUp } from './incus-lookup.ts';
import { runInside } from './incus-run.ts';
import { stateNow, usageOf } from './incus-state.ts';
import { watchInstances } from './incus-watch.ts';

export interface IncusEngineOptions {
  /** Incus's unix socket. */
  readonly socket: string;
  /** The Incus project that our instances live in; others are never looked at. */
  readonly project: string;
  /** Storage pool of the disks. */
  readonly pool: string;
  /** Incus's name of the managed bridge network. */
  readonly network: string;
  readonly log: Log;
  /** Words before a program that run it where Incus's network is (`nsenter --net=…`); none on a usual host. */
  readonly enter?: readonly string[];
}

export type IncusEngine = Engine & Disposable;

export async function makeIncusEngine(options: IncusEngineOptions): Promise<IncusEngine> {
  const { socket, project, pool, network, log, enter = [] } = options;
  const client = makeIncusClient(options);
  const disk = { socket, project, pool, enter };
  const here = { client, log, enter, disk, place: { pool, network, hasOldCgroups: await hasOldCgroups() } };
  return {
    facts: (signal) => factsOf(client, pool, signal),
    async list(signal) {
      const path = '/1.0/instances?recursion=1';
      return (await client.ask<readonly IncusInstance[]>({ method: 'GET', path, deed: 'list the instances', signal })).map(seenOf);
    },
    async get(name, signal) {
      const instance = await lookUp(client, name, signal);
      return instance === undefined ? undefined : seenOf(instance);
    },
    create: (spec, signal) => createInstance(here, spec, signal),
    start: (name, signal) => startInstance(here, name, signal),
    stop: (name, graceMs, signal) => stopInstance(here, name, graceMs, signal),
    kill: (name, signal) => killInstance(here, name, signal),
    pause: (name, signal) => pauseInstance(here, name, signal),
    resume: (name, signal) => resumeInstance(here, name, signal),
    async destroy(name, tags, signal) {
      await destroyInstance(here, name, tags, signal);
      freeSoon(disk);
    },
    reclaim: (signal) => reclaimSpace(disk, signal),
    retag: (name, tags, signal) => retagInstance(here, name, tags, signal),
    setLimits: (name, limits, signal) => setInstanceLimits(client, disk, name, limits, signal),
    readFile: (name, path, signal) => readInstanceFile(client, name, path, signal),
    pushFiles: (name, files, signal) => pushInstanceFiles(client, disk, name, files, signal),
    run: (name, argv, input = '', signal) => runInside(client, name, argv, input, signal),
    async usage(name, signal) {
      try {
        return usageOf(await stateNow(client, name, signal));
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
    watch: (onEvent, signal) => watchInstances(client, log, onEvent, signal),
    images: makeImages(client),
    [Symbol.dispose]: () => client[Symbol.dispose](),
  };
}

async function factsOf(client: IncusClient, pool: string, signal: AbortSignal | undefined): Promise<EngineFacts> {
  const poolPath = `/1.0/storage-pools/${encodeURIComponent(pool)}/resources`;
  const [server, resources] = await Promise.all([
    client.ask<{ environment: { server_version: string } }>({ method: 'GET', path: '/1.0', deed: 'ask for its version', signal }),
    client.ask<{ space: { used: number; total: number } }>({ method: 'GET', path: poolPath, deed: `look at the pool ${pool}`, signal }),
  ]);
  return {
    kind: 'incus',
    version: server.environment.server_version,
    liveChanges: ['memoryBytes', 'cpus', 'diskBytes'],
    canPause: true,
    pool: { totalBytes: resources.space.total, usedBytes: resources.space.used },
  };
}

/** CGROUP2_SUPER_MAGIC of linux/magic.h. */
const cgroup2Magic = 0x63677270;

async function hasOldCgroups(): Promise<boolean> {
  try {
    return (await statfs('/sys/fs/cgroup')).type !== cgroup2Magic;
  } catch {
    // No cgroups here at all (a machine that only talks to Incus): the usual host has version 2.
    return false;
  }
}
