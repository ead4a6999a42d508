/** What a server is to us: its wanted and seen states and which verb is legal in which. */
import { unreachable } from '../base/brand.ts';
import type { Generation, ServerId } from './ids.ts';
import type { PersonName, ServerName } from './names.ts';

/** What the store wants of a server. `creating` and `dropping` say that an operation for this generation is not finished. */
export type WantedState = 'creating' | 'running' | 'stopped' | 'dropping';

/** What the engine says of it. `missing`: the store has it, the engine has not. */
export type SeenState = 'running' | 'stopped' | 'paused' | 'missing' | 'unknown';

/** What people are shown. `failed` comes with a plain reason in `problem`. */
export const serverStatuses = [
  'creating',
  'running',
  'stopped',
  'starting',
  'stopping',
  'paused',
  'dropping',
  'failed',
  'unknown',
] as const;
export type ServerStatus = (typeof serverStatuses)[number];

export interface Limits {
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly diskBytes: number;
}

export const defaultLimits: Limits = { memoryBytes: 512 * 2 ** 20, cpus: 1, diskBytes: 5 * 2 ** 30 };

/** The smallest that still boots a system with systemd, and the largest that is not a slip of the keyboard. */
export const limitBounds = {
  memoryBytes: { min: 64 * 2 ** 20, max: 4 * 2 ** 40 },
  cpus: { min: 1, max: 512 },
  diskBytes: { min: 2 ** 30, max: 64 * 2 ** 40 },
} as const;

export interface Server {
  readonly id: ServerId;
  readonly generation: Generation;
  readonly owner: PersonName;
  /** The first user inside. */
  readonly admin: PersonName;
  readonly name: ServerName | undefined;
  readonly system: string;
  readonly type: string;
  readonly limits: Limits;
  readonly notes: string;
  readonly wanted: WantedState;
  readonly seen: SeenState;
  /** A plain reason when something about this server is not as it should be, else undefined. */
  readonly problem: string | undefined;
  readonly createdMs: number;
}

export type Verb = 'start' | 'stop' | 'kill' | 'restart' | 'set' | 'password' | 'drop';

/** The one word for both states together. */
export function statusOf(server: Pick<Server, 'wanted' | 'seen' | 'problem'>): ServerStatus {
  const { wanted, seen } = server;
  if (wanted === 'dropping') return 'dropping';
  if (server.problem !== undefined) return 'failed';
  if (wanted === 'creating') return 'creating';
  switch (seen) {
    case 'running':
      return wanted === 'running' ? 'running' : 'stopping';
    case 'stopped':
      return wanted === 'running' ? 'starting' : 'stopped';
    case 'paused':
      return 'paused';
    case 'missing':
      return 'failed';
    case 'unknown':
      return 'unknown';
    default:
      return unreachable(seen);
  }
}

/** Why `verb` cannot be done now, as the end of a sentence that begins with "server 123", or undefined where it can. */
export function objection(server: Pick<Server, 'wanted' | 'seen' | 'problem'>, verb: Verb): string | undefined {
  if (server.wanted === 'dropping') return verb === 'drop' ? undefined : 'is being dropped';
  if (verb === 'drop') return undefined;
  if (server.wanted === 'creating') return 'is still being created';
  if (server.seen === 'missing') return `has no instance on the host any more; "myserver doctor" tells more`;
  return undefined;
}
