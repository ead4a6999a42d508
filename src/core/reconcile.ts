/**
 * Wanted against actual: what to do so that the engine holds what the store says. Pure, and the same at any time and any number of times, so that after
 * `kill -9` at any instruction one more look finishes the work. Nothing here destroys what no operation told us to: only a server that the store holds as
 * `dropping` is ever destroyed, by its generation.
 */
import { unreachable } from '../base/brand.ts';
import type { Generation, ServerId } from './ids.ts';
import type { SeenState, WantedState } from './server.ts';

/** What the engine says of one instance, as far as the decision needs it. */
export interface Actual {
  readonly name: string;
  readonly state: Exclude<SeenState, 'missing'>;
  readonly tags: { readonly installation: string; readonly generation: Generation; readonly id: ServerId } | undefined;
}

export interface Wanted {
  readonly id: ServerId;
  readonly generation: Generation;
  readonly wanted: WantedState;
}

/** The one thing to do next for a server. */
export type Step =
  | { readonly kind: 'nothing' }
  /** Create from the beginning: what may lie there half-made has never run, and is replaced. */
  | { readonly kind: 'create' }
  /** It runs, so its creation had come to the last step: only the store has to be told. */
  | { readonly kind: 'conclude-create' }
  | { readonly kind: 'start' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'drop' }
  /** The engine lost it, or somebody took it away by hand: told, never repaired by making an empty one. */
  | { readonly kind: 'report-missing' };

export function nextStep(wanted: WantedState, seen: SeenState): Step {
  switch (wanted) {
    case 'dropping':
      return { kind: 'drop' };
    case 'creating':
      if (seen === 'unknown') return { kind: 'nothing' };
      return seen === 'running' || seen === 'paused' ? { kind: 'conclude-create' } : { kind: 'create' };
    case 'running':
      if (seen === 'missing') return { kind: 'report-missing' };
      return seen === 'stopped' ? { kind: 'start' } : { kind: 'nothing' };
    case 'stopped':
      if (seen === 'missing') return { kind: 'report-missing' };
      return seen === 'running' || seen === 'paused' ? { kind: 'stop' } : { kind: 'nothing' };
    default:
      return unreachable(wanted);
  }
}

export interface Stranger {
  readonly name: string;
  readonly why: 'untagged' | 'other-installation' | 'unknown-generation';
  /** The ID it was made for, when it says so: its address is taken, so the ID cannot be leased. */
  readonly id: ServerId | undefined;
}

export interface Comparison {
  /** What each server that the store holds looks like on the engine. */
  readonly seen: ReadonlyMap<Generation, SeenState>;
  /** Instances that no server of the store owns: kept, closed to the outside, shown by doctor. */
  readonly strangers: readonly Stranger[];
  /**
   * The store and the engine belong to different installations: the engine holds instances that carry another installation's mark and none that carries
   * ours. Then nothing may be changed: an empty or foreign store must never erase anybody.
   */
  readonly isMismatch: boolean;
}

export function compare(installation: string, servers: readonly Wanted[], instances: readonly Actual[]): Comparison {
  const known = new Map(servers.map((server) => [server.generation, server]));
  const seen = new Map<Generation, SeenState>(servers.map((server) => [server.generation, 'missing']));
  const strangers: Stranger[] = [];
  let ours = 0;
  let others = 0;
  for (const instance of instances) {
    const { tags } = instance;
    if (tags === undefined) {
      strangers.push({ name: instance.name, why: 'untagged', id: undefined });
    } else if (tags.installation !== installation) {
      others += 1;
      strangers.push({ name: instance.name, why: 'other-installation', id: tags.id });
    } else {
      ours += 1;
      if (known.has(tags.generation)) seen.set(tags.generation, instance.state);
      else strangers.push({ name: instance.name, why: 'unknown-generation', id: tags.id });
    }
  }
  return { seen, strangers, isMismatch: others > 0 && ours === 0 };
}
