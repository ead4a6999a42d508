/**
 * What lives at this worker: each session and forward with its bytes, so that it can be listed and ended from elsewhere (`telling.ts` tells control), and one
 * line for the audit when it is over.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import type { LiveSession, Report } from '../../contract/internal.ts';
import { sessionIdBytes } from '../../core/recording.ts';
import type { Counter } from './relay.ts';

export interface Entry {
  readonly credential: string;
  /** `connection`, `lobby`, `shell`, `exec`, `sftp`, `subsystem`, `forward`, `remote-forward`; small letters, for the audit has it as a deed. */
  readonly kind: string;
  readonly server?: { readonly id: number; readonly generation: string } | undefined;
  /** Of a forward that leads to no server, but where an administrator has listed. */
  readonly listed?: { readonly address: string; readonly port: number } | undefined;
  /** By which its person's browser takes it up again. */
  readonly terminal?: string | undefined;
  /** A few words for lists and the audit. Never secrets. */
  readonly detail: string;
}

export interface LedgerLine extends Counter {
  readonly id: string;
  /** The person has signed in anew: from here on that is what it lives by. */
  goOnWith(credential: string): void;
  /** Once: one line in the audit. `outcome`: how it ended, in a word or two. */
  end(outcome: string): void;
}

export interface Ledger {
  /** `onCut` is called with a sentence when control says that it must end. */
  begin(entry: Entry, onCut: (reason: string) => void): LedgerLine;
  /** What was not begun, because it may not be: one line for the audit. What control itself refuses is there already. */
  refuse(entry: Entry): void;
  readonly count: number;
  live(): LiveSession[];
  cut(id: string, reason: string): void;
  /** Called back whenever something begins or ends. */
  onChange(callback: () => void): void;
  /** Lines for the audit that control does not have yet, the oldest first; `take` takes those off that control has. */
  readonly waiting: readonly Report[];
  take(lines: readonly Report[]): void;
}

/** Lines that wait while control is away; beyond it the oldest are lost, for memory must end somewhere. */
const mostWaiting = 20_000;

interface Live extends Omit<Entry, 'credential'> {
  credential: string;
  readonly id: string;
  readonly sinceMs: number;
  readonly onCut: (reason: string) => void;
  bytesIn: number;
  bytesOut: number;
}

export function makeLedger(clock: Clock): Ledger {
  const live = new Map<string, Live>();
  const newId = (): string => {
    const id = randomBytes(sessionIdBytes).toString('hex');
    return live.has(id) ? newId() : id;
  };
  let waiting: Report[] = [];
  let changed = () => {};

  function note(line: Report): void {
    waiting.push(line);
    if (waiting.length > mostWaiting) waiting.shift();
  }

  return {
    refuse: ({ credential, kind, server, detail }) =>
      note({ credential, deed: `ssh-${kind}`, server: placeIn(server), allowed: false, detail: detail.slice(0, 500) }),
    get count() {
      return live.size;
    },
    get waiting() {
      return waiting;
    },
    take(lines) {
      const taken = new Set(lines);
      waiting = waiting.filter((line) => !taken.has(line));
    },
    live: () => Array.from(live.values(), told),
    cut: (id, reason) => live.get(id)?.onCut(reason),
    onChange: (callback) => void (changed = callback),
    begin(entry, onCut) {
      const line: Live = { ...entry, id: newId(), sinceMs: clock.now(), onCut, bytesIn: 0, bytesOut: 0 };
      live.set(line.id, line);
      changed();
      return {
        id: line.id,
        goOnWith: (credential) => void (line.credential = credential),
        in: (bytes) => void (line.bytesIn += bytes),
        out: (bytes) => void (line.bytesOut += bytes),
        end(outcome) {
          if (!live.delete(line.id)) return;
          // A connection by itself has its line already: the sign-in.
          if (line.kind !== 'connection') note(ended(line, outcome, clock.now()));
          changed();
        },
      };
    },
  };
}

function told({ id, credential, kind, server, listed, terminal, detail, sinceMs, bytesIn, bytesOut }: Live): LiveSession {
  const where = {
    generation: server?.generation ?? null,
    ...(listed === undefined ? {} : { listed }),
    ...(terminal === undefined ? {} : { terminal }),
  };
  return { id, credential, kind, ...where, detail: detail.slice(0, 200), sinceMs, bytesIn, bytesOut };
}

function ended({ credential, kind, server, detail, sinceMs, bytesIn, bytesOut }: Live, outcome: string, nowMs: number): Report {
  const seconds = ((nowMs - sinceMs) / 1000).toFixed(1);
  const sentence = `${detail}; ${outcome}; ${seconds} s, ${bytesIn} bytes in, ${bytesOut} out`;
  return { credential, deed: `ssh-${kind}`, server: placeIn(server), allowed: true, detail: sentence.slice(0, 500) };
}

function placeIn(server: Entry['server']): Report['server'] {
  return server === undefined ? null : { id: server.id, generation: server.generation };
}
