/**
 * The recordings that the gateway's user wrote. That user may have been taken over and the directory is theirs: the attacks are links to files that only
 * root may read, pipes that never answer, and names that lead elsewhere. So only names of recordings are taken, and only plain files of that user's own.
 */
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { fault } from '../../core/errors.ts';
import { parsePersonName, type PersonName } from '../../core/names.ts';
import { type NamedRecording, parseRecordingName, type RecordingName, recordingSuffix } from '../../core/recording.ts';

export interface RecordingFile extends NamedRecording {
  /** As the gateway says; undefined where it says nothing that is a name. */
  readonly person: PersonName | undefined;
  readonly bytes: number;
}

export interface RecordingFiles {
  /** The newest, the oldest of them first. None where there is no directory. */
  names(): Promise<readonly NamedRecording[]>;
  /** Undefined: there is no such plain file (any more). */
  describe(recording: NamedRecording): Promise<RecordingFile | undefined>;
  /** Whole lines from that byte on. Throws `not-found`. */
  read(name: RecordingName, from: number): Promise<{ readonly text: string; readonly next: number | undefined }>;
  /** Throws `not-found`. */
  remove(name: RecordingName): Promise<void>;
  /** Removes those that nothing was written to for longer than they are kept; says how many. */
  prune(): Promise<number>;
}

export interface RecordingFilesOptions {
  readonly dir: string;
  readonly keptMs: number;
  readonly clock: Clock;
}

/** A list of more takes a second to make, and is read by nobody. */
const mostListed = 5000;
const longestHeader = 4096;
/** Longer than any line that the gateway writes, and short enough for many to read at once. */
const pieceBytes = 2 ** 20;
const newline = 0x0a;

export function makeRecordingFiles({ dir, keptMs, clock }: RecordingFilesOptions): RecordingFiles {
  const pathOf = (name: RecordingName) => join(dir, `${name}${recordingSuffix}`);

  async function names(): Promise<readonly NamedRecording[]> {
    const found = await readdir(dir).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return [];
      throw error;
    });
    return found.toSorted((one, other) => (one < other ? -1 : 1)).flatMap(readName);
  }

  /** Throws `not-found` for whatever is no plain file of the directory's own user, and under this one name alone. */
  async function openPlain(name: RecordingName): Promise<{ readonly file: FileHandle; readonly bytes: number } & AsyncDisposable> {
    // Without O_NONBLOCK a pipe would be waited for.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const file = await open(pathOf(name), flags).catch((error: unknown) => {
      throw notFound(name, error);
    });
    const [stat, { uid }] = [await file.stat(), await lstat(dir)];
    if (stat.isFile() && stat.uid === uid && stat.nlink === 1)
      return { file, bytes: stat.size, [Symbol.asyncDispose]: async () => await file.close() };
    await file.close();
    throw notFound(name);
  }

  return {
    names: async () => (await names()).slice(-mostListed),

    async describe(recording) {
      try {
        await using opened = await openPlain(recording.name);
        const { buffer, bytesRead } = await opened.file.read(Buffer.alloc(longestHeader), 0, longestHeader, 0);
        return { ...recording, person: personIn(buffer.toString('utf8', 0, bytesRead)), bytes: opened.bytes };
      } catch (error) {
        if (codeOf(error) === 'not-found') return undefined;
        throw error;
      }
    },

    async read(name, from) {
      await using opened = await openPlain(name);
      const length = Math.min(pieceBytes, opened.bytes - from);
      if (length <= 0) return { text: '', next: undefined };
      const { buffer, bytesRead } = await opened.file.read(Buffer.alloc(length), 0, length, from);
      const end = buffer.subarray(0, bytesRead).lastIndexOf(newline) + 1;
      // What is no whole line yet may become one.
      const isLast = end === 0 || from + bytesRead >= opened.bytes;
      return { text: buffer.toString('utf8', 0, end), next: isLast ? undefined : from + end };
    },

    async remove(name) {
      await unlink(pathOf(name)).catch((error: unknown) => {
        throw notFound(name, error);
      });
    },

    async prune() {
      const beforeMs = clock.now() - keptMs;
      let removed = 0;
      for (const { name } of await names()) {
        const stat = await lstat(pathOf(name)).catch(() => {});
        if (stat === undefined || stat.mtimeMs >= beforeMs) continue;
        // What is no file was put there by somebody else, and keeps none of ours.
        const isGone = await unlink(pathOf(name))
          .then(() => true)
          .catch(() => false);
        if (isGone) removed += 1;
      }
      return removed;
    },
  };
}

export function notFound(name: string, cause?: unknown): Error {
  return fault('not-found', `there is no recording ${name} that you may read; "recording list" shows those there are`, { cause });
}

function readName(file: string): readonly NamedRecording[] {
  try {
    return file.endsWith(recordingSuffix) ? [parseRecordingName(file.slice(0, -recordingSuffix.length))] : [];
  } catch {
    return [];
  }
}

function personIn(head: string): PersonName | undefined {
  try {
    const { myserver } = JSON.parse(head.split('\n')[0] ?? '') as { myserver?: { person?: unknown } };
    const person = myserver?.person;
    return typeof person === 'string' ? parsePersonName(person) : undefined;
  } catch {
    return undefined;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
