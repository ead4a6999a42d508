/** The gateway's workers as they last told of themselves, and which of their sessions somebody has ended. */
import type { Clock } from '../../base/clock.ts';
import { fault } from '../../core/errors.ts';

export interface ToldWorkers<T extends { readonly id: string }> {
  /** Every one's that has told lately. */
  sessions(): readonly T[];
  /** Throws `not-allowed` for more workers than any gateway has. */
  told(worker: string, sessions: readonly T[], isListening: boolean): void;
  /** Whether any takes people in; true until there was time for one to say so. */
  isListening(): boolean;
  /** Kept until the session is told of no more. */
  end(id: string, reason: string): void;
  endingOf(id: string): string | undefined;
}

interface Worker<T> {
  readonly atMs: number;
  readonly sessions: readonly T[];
  readonly isListening: boolean;
}

/** A worker tells so often at least. */
const tellEveryMs = 15_000;
/** One that is silent for longer is gone, and its sessions with it. */
const silenceMs = 60_000;
/** A gateway has one for each processor, and old ones that finish what lives after each reload. What tells more is no gateway any more. */
const mostWorkers = 256;

export function makeToldWorkers<T extends { readonly id: string }>(clock: Clock): ToldWorkers<T> {
  const beganMs = clock.now();
  const workers = new Map<string, Worker<T>>();
  const endings = new Map<string, string>();

  function alive(): readonly Worker<T>[] {
    const since = clock.now() - silenceMs;
    for (const [name, { atMs, sessions }] of workers) {
      if (atMs >= since) continue;
      workers.delete(name);
      for (const { id } of sessions) endings.delete(id);
    }
    return [...workers.values()];
  }

  return {
    sessions: () => alive().flatMap(({ sessions }) => sessions),
    told(worker, sessions, isListening) {
      if (alive().length >= mostWorkers && !workers.has(worker))
        throw fault('not-allowed', `${mostWorkers} workers of a gateway have told of themselves within a minute; no gateway has more`);
      const ids = new Set(sessions.map(({ id }) => id));
      for (const { id } of workers.get(worker)?.sessions ?? []) if (!ids.has(id)) endings.delete(id);
      workers.set(worker, { atMs: clock.now(), sessions, isListening });
    },
    isListening: () => clock.now() - beganMs < tellEveryMs || alive().some(({ isListening }) => isListening),
    end: (id, reason) => void endings.set(id, reason),
    endingOf: (id) => endings.get(id),
  };
}
