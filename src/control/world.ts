/**
 * What the engine was last seen to hold, held against the store: the state of each server, the strangers, and whether the engine answers at all. Others
 * read it without waiting; `refresh` looks again.
 */
import type { Log } from '../base/log.ts';
import { messageOf } from '../base/fault.ts';
import { fault } from '../core/errors.ts';
import type { Generation } from '../core/ids.ts';
import { compare, type Comparison } from '../core/reconcile.ts';
import type { SeenState } from '../core/server.ts';
import { type Engine, type InstanceName, instanceNameOf } from '../engines/engine.ts';
import type { ServerRecord } from '../store/servers.ts';
import type { Store } from '../store/store.ts';

export interface World {
  seenOf(generation: Generation): SeenState;
  /** Whether any look found it running since this process began and the engine was last away: only such a server can have stopped before our eyes. */
  hasRun(generation: Generation): boolean;
  /** As of the last look: strangers and mismatch. Undefined before the first. */
  last(): Comparison | undefined;
  /** The sentence of the last failed look; undefined when the engine answered. */
  trouble(): string | undefined;
  /** Looks at everything. Throws what the engine throws; states stay `unknown` then. */
  refresh(signal?: AbortSignal): Promise<Comparison>;
  /** Looks at one server. Says whether its state is another than before. */
  refreshOne(
    server: Pick<ServerRecord, 'id' | 'generation'>,
    signal?: AbortSignal,
  ): Promise<{ readonly seen: SeenState; readonly isChanged: boolean }>;
  forget(generation: Generation): void;
  generationOf(name: InstanceName): Generation | undefined;
  /** Throws `installation-mismatch` while store and engine belong to different installations: then nothing may be changed. */
  requireMatch(): void;
}

export function makeWorld({ store, engine, log }: { readonly store: Store; readonly engine: Engine; readonly log: Log }): World {
  let states = new Map<Generation, SeenState>();
  /** Seen running since the engine was last away. */
  const ran = new Set<Generation>();
  let byName = new Map<InstanceName, Generation>();
  let last: Comparison | undefined;
  let trouble: string | undefined;

  function failed(error: unknown): void {
    const sentence = messageOf(error);
    if (sentence !== trouble) log.warn({ error: sentence }, 'the engine does not answer');
    trouble = sentence;
    states = new Map();
    ran.clear();
  }

  return {
    seenOf: (generation) => states.get(generation) ?? 'unknown',
    hasRun: (generation) => ran.has(generation),
    last: () => last,
    trouble: () => trouble,
    forget(generation) {
      states.delete(generation);
      ran.delete(generation);
    },
    generationOf: (name) => byName.get(name),

    async refresh(signal) {
      try {
        // The store first: a server made between the two looks is then a stranger of one moment, never a missing one.
        const before = await store.servers.list();
        const instances = await engine.list(signal);
        const servers = await store.servers.list();
        const both = new Map([...before, ...servers].map((server) => [server.generation, server]));
        const comparison = compare(store.installation, [...both.values()], instances);
        states = new Map(comparison.seen);
        for (const [generation, seen] of comparison.seen) if (seen === 'running') ran.add(generation);
        byName = new Map(servers.map(({ id, generation }) => [instanceNameOf(id, generation), generation]));
        trouble = undefined;
        last = comparison;
        return comparison;
      } catch (error) {
        failed(error);
        throw error;
      }
    },

    async refreshOne({ id, generation }, signal) {
      const name = instanceNameOf(id, generation);
      const before = states.get(generation);
      const instance = await engine.get(name, signal);
      const isOurs = instance?.tags?.generation === generation && instance.tags.installation === store.installation;
      const seen = instance === undefined || !isOurs ? 'missing' : instance.state;
      states.set(generation, seen);
      if (seen === 'running') ran.add(generation);
      byName.set(name, generation);
      return { seen, isChanged: seen !== before };
    },

    requireMatch() {
      if (last?.isMismatch !== true) return;
      throw fault(
        'installation-mismatch',
        `the engine holds ${last.strangers.length} servers of another installation and none of this one, so nothing is changed: put the right store back, or look at "myserver doctor" and adopt or discard them`,
      );
    },
  };
}
