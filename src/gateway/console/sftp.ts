/**
 * One SFTP channel of a connection to a server, in promises: each question has a time to be answered in, and what the server says to it becomes a sentence.
 * The server is a stranger, as everywhere (draft-ietf-secsh-filexfer-02, which OpenSSH speaks, and OpenSSH's PROTOCOL, section 4).
 */
import type { Client, FileEntryWithStats, InputAttributes, SFTPWrapper, Stats } from 'ssh2';
import { messageOf } from '../../base/fault.ts';
import { type ErrorCode, fault } from '../../core/errors.ts';

/** All throw what the server refuses, as a sentence that names the path. */
export interface Sftp {
  /** For streams. Its questions have no time to be answered in. */
  readonly channel: SFTPWrapper;
  stat(path: string): Promise<Stats>;
  /** Undefined: nothing is there. */
  statIfThere(path: string): Promise<Stats | undefined>;
  lstat(path: string): Promise<Stats>;
  realpath(path: string): Promise<string>;
  /** At most so many. */
  entries(path: string, most: number): Promise<readonly FileEntryWithStats[]>;
  mkdir(path: string): Promise<void>;
  rmdir(path: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Nothing may be at `to`. */
  rename(from: string, to: string): Promise<void>;
  /** What is at `to` is replaced, at one stroke. */
  replace(from: string, to: string): Promise<void>;
  setAttributes(path: string, attributes: InputAttributes): Promise<void>;
}

type Done<T> = (error: Error | null | undefined, value: T) => void;
type Ended = (error?: Error | null) => void;

const answerMs = 30_000;
const mostAnswers = 5000;

/** Section 7 of the draft. */
const status = { end: 1, notThere: 2, denied: 3, failed: 4, unsupported: 8 } as const;

const meanings: Readonly<Record<number, readonly [ErrorCode, string]>> = {
  [status.notThere]: ['not-found', 'there is no such file or folder'],
  [status.denied]: ['not-allowed', 'the server does not allow it to this user'],
  [status.failed]: ['wrong-state', 'the server could not do it: a full disk, a name that is taken, or something that is no folder'],
  [status.unsupported]: ['cannot-here', 'the SFTP service of the server does not know how to do that'],
};

function statusOf(error: unknown): number | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined;
}

/** What a server said about that path, as a fault. */
export function refusedAt(path: string, error: unknown) {
  const [code, sentence] = meanings[statusOf(error) ?? 0] ?? (['wrong-state', `the server says: ${messageOf(error)}`] as const);
  return fault(code, `${path}: ${sentence}`, { cause: error });
}

/** Throws `cannot-here` where there is no SFTP service. */
export async function openSftp(client: Client): Promise<Sftp> {
  const channel = await answered((done: Done<SFTPWrapper>) => client.sftp(done)).catch((error: unknown) => {
    throw fault('cannot-here', `the server gives no files: its SSH service has no SFTP (${messageOf(error)})`, { cause: error });
  });
  // What is under way is told of by its own callback.
  channel.on('error', () => {});
  return new PromisedSftp(channel);
}

async function answered<T>(question: (done: Done<T>) => void): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const late = setTimeout(() => reject(new Error(`nothing, for ${answerMs / 1000} s`)), answerMs);
  try {
    // A channel that is closed throws at once.
    question((error, value) => (error ? reject(error) : resolve(value)));
    return await promise;
  } finally {
    clearTimeout(late);
  }
}

class PromisedSftp implements Sftp {
  readonly channel: SFTPWrapper;

  constructor(channel: SFTPWrapper) {
    this.channel = channel;
  }

  async #ask<T>(path: string, question: (done: Done<T>) => void): Promise<T> {
    try {
      return await answered(question);
    } catch (error) {
      throw refusedAt(path, error);
    }
  }

  async #tell(path: string, question: (ended: Ended) => void): Promise<void> {
    await this.#ask<undefined>(path, (done) => question((error) => done(error, undefined)));
  }

  async stat(path: string): Promise<Stats> {
    return await this.#ask<Stats>(path, (done) => this.channel.stat(path, done));
  }

  async statIfThere(path: string): Promise<Stats | undefined> {
    return await this.#ask<Stats | undefined>(path, (done) =>
      this.channel.stat(path, (error, stats) => (statusOf(error) === status.notThere ? done(undefined, undefined) : done(error, stats))),
    );
  }

  async lstat(path: string): Promise<Stats> {
    return await this.#ask<Stats>(path, (done) => this.channel.lstat(path, done));
  }

  async realpath(path: string): Promise<string> {
    return await this.#ask<string>(path, (done) => this.channel.realpath(path, done));
  }

  async entries(path: string, most: number): Promise<readonly FileEntryWithStats[]> {
    const handle = await this.#ask<Buffer>(path, (done) => this.channel.opendir(path, done));
    try {
      const all: FileEntryWithStats[] = [];
      // An answer may be empty, and must not be so for ever.
      for (let asked = 0; asked < mostAnswers; asked += 1) {
        const some = await this.#ask<readonly FileEntryWithStats[] | undefined>(path, (done) =>
          this.channel.readdir(handle, (error, list) => (statusOf(error) === status.end ? done(undefined, undefined) : done(error, list))),
        );
        if (some === undefined) return all;
        all.push(...some);
        if (all.length >= most) return all.slice(0, most);
      }
      return all;
    } finally {
      this.channel.close(handle, () => {});
    }
  }

  async mkdir(path: string): Promise<void> {
    await this.#tell(path, (ended) => this.channel.mkdir(path, ended));
  }

  async rmdir(path: string): Promise<void> {
    await this.#tell(path, (ended) => this.channel.rmdir(path, ended));
  }

  async unlink(path: string): Promise<void> {
    await this.#tell(path, (ended) => this.channel.unlink(path, ended));
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#tell(to, (ended) => this.channel.rename(from, to, ended));
  }

  async replace(from: string, to: string): Promise<void> {
    await this.#tell(to, (ended) => this.channel.ext_openssh_rename(from, to, ended));
  }

  async setAttributes(path: string, attributes: InputAttributes): Promise<void> {
    await this.#tell(path, (ended) => this.channel.setstat(path, attributes, ended));
  }
}

export function kindOf({ mode }: Pick<Stats, 'mode'>): 'file' | 'folder' | 'link' | 'other' {
  // inode(7)
  const type = mode & 0o170_000;
  if (type === 0o040_000) return 'folder';
  if (type === 0o120_000) return 'link';
  return type === 0o100_000 ? 'file' : 'other';
}
