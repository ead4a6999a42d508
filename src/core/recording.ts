/** Recordings of terminal sessions: whose will makes one, and what its file is called. */
import type { Brand } from '../base/brand.ts';
import { fault } from './errors.ts';
import { type Generation, parseGeneration, shorten } from './ids.ts';

/** `owner`: as each server's owner says. `all`: every terminal session. `off`: none, whatever owners say. */
export const recordingPolicies = ['off', 'owner', 'all'] as const;
export type RecordingPolicy = (typeof recordingPolicies)[number];

/** By whose policy a session is recorded. */
export type RecordedBy = 'owner' | 'administrator';

export function recordedBy(policy: RecordingPolicy, isWantedByOwner: boolean): RecordedBy | undefined {
  if (policy === 'all') return 'administrator';
  return policy === 'owner' && isWantedByOwner ? 'owner' : undefined;
}

/** Of a live session's ID: short enough to type, long enough that no two of all workers are alike. */
export const sessionIdBytes = 5;

/** `20261125T202249Z_1f0c9a2b3d_GENERATION`: in order of time where names are. */
export type RecordingName = Brand<string, 'RecordingName'>;

/** Of the file. */
export const recordingSuffix = '.cast';

export interface NamedRecording {
  readonly name: RecordingName;
  readonly generation: Generation;
  readonly startedMs: number;
}

/** `id`: the session's, `sessionIdBytes` in hexadecimal digits. */
export function recordingName(startedMs: number, id: string, generation: string): RecordingName {
  const time = `${new Date(startedMs).toISOString().slice(0, 19).replaceAll(/[:-]/gu, '')}Z`;
  return parseRecordingName(`${time}_${id}_${generation}`).name;
}

/** The session's ID had eight digits once; those recordings keep their names. */
const namePattern = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z_[\da-f]{8}(?:[\da-f]{2})?_([\da-f-]{36})$/u;

/** Nothing else may be opened by control: the directory belongs to the gateway's user, who may be taken over. Throws `bad-request`. */
export function parseRecordingName(text: string): NamedRecording {
  const [, year, month, day, hour, minute, second, generation = ''] = namePattern.exec(text) ?? [];
  const startedMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(startedMs)) throw fault('bad-request', `"${shorten(text)}" is no recording's name; "recording list" shows them`);
  return { name: text as RecordingName, generation: parseGeneration(generation), startedMs };
}
