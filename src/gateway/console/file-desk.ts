/** What a page asks of a server's files, by the connection of one user to it. Each transfer is offered at an address of its own, and is good once. */
import { randomBytes } from 'node:crypto';
import { posix } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Client, Stats } from 'ssh2';
import { messageOf } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import {
  anyVersion,
  type FileEntry,
  type FilesAsk,
  type FilesResults,
  type FilesWhat,
  type ToFiles,
  type Uploaded,
} from '../../contract/files.ts';
import { fault, toFault } from '../../core/errors.ts';
import type { Counter } from '../bastion/relay.ts';
import { packedTree, removeTree, shellFolder } from './remote-command.ts';
import { kindOf, openSftp, refusedAt, type Sftp } from './sftp.ts';
import type { Transfers } from './transfers.ts';

export interface FileDesk {
  /** Throws what is told to the person. */
  answer(ask: FilesAsk): Promise<FilesResults[FilesWhat]>;
}

export interface FileDeskOptions {
  readonly client: Client;
  readonly counter: Counter;
  readonly transfers: Transfers;
  /** There is a terminal beside it: one begins where its shell is. */
  readonly hasShell: boolean;
}

/** More nobody looks through; and a server may say what it likes. */
const mostEntries = 5000;
const longestName = 255;
/** As OpenSSH's own client asks for them: more would wait in memory for who is slow. */
const chunkBytes = 256 * 1024;
const mostAtOnce = 20;

const nothing = null;

export function makeFileDesk(options: FileDeskOptions): FileDesk {
  return new SftpDesk(options);
}

/** What is told of it, whatever happens. */
export async function answerFiles(desk: FileDesk, { id, ask }: ToFiles, log: Log) {
  try {
    return { kind: 'files', id, result: await desk.answer(ask) } as const;
  } catch (error) {
    const { code, message } = toFault(error);
    if (code === 'internal') log.warn({ error: messageOf(error), what: ask.what }, 'files failed by a fault of ours');
    return { kind: 'files', id, code, message } as const;
  }
}

class SftpDesk implements FileDesk {
  readonly #options: FileDeskOptions;
  #opening: Promise<Sftp> | undefined;
  #underWay = 0;

  constructor(options: FileDeskOptions) {
    this.#options = options;
  }

  async answer(ask: FilesAsk): Promise<FilesResults[FilesWhat]> {
    if (this.#underWay >= mostAtOnce) throw fault('too-many-tries', `${mostAtOnce} questions wait for this server already`);
    this.#underWay += 1;
    try {
      return await this.#answer(ask);
    } finally {
      this.#underWay -= 1;
    }
  }

  async #answer(ask: FilesAsk): Promise<FilesResults[FilesWhat]> {
    switch (ask.what) {
      case 'where':
        return { path: await this.#where() };
      case 'list':
        return await list(await this.#sftp(), ask.path);
      case 'make-folder':
        await (await this.#sftp()).mkdir(ask.path);
        return nothing;
      case 'rename':
        await rename(await this.#sftp(), ask.from, ask.to);
        return nothing;
      case 'remove':
        await this.#remove(ask.path);
        return nothing;
      case 'download':
        return await this.#download(ask.path);
      case 'upload':
        return await this.#upload(ask);
    }
  }

  async #sftp(): Promise<Sftp> {
    const anew = () => (this.#opening = undefined);
    this.#opening ??= openSftp(this.#options.client).then(
      (sftp) => {
        sftp.channel.once('close', anew);
        return sftp;
      },
      (error: unknown) => {
        anew();
        throw error;
      },
    );
    return await this.#opening;
  }

  async #where(): Promise<string> {
    const { hasShell, client } = this.#options;
    const folder = hasShell ? await shellFolder(client) : undefined;
    return folder ?? (await (await this.#sftp()).realpath('.'));
  }

  async #remove(path: string): Promise<void> {
    const sftp = await this.#sftp();
    if (kindOf(await sftp.lstat(path)) !== 'folder') return await sftp.unlink(path);
    const isEmpty = (await sftp.entries(path, 1)).length === 0;
    await (isEmpty ? sftp.rmdir(path) : removeTree(this.#options.client, path));
  }

  async #download(asked: string): Promise<FilesResults['download']> {
    const sftp = await this.#sftp();
    const { client, counter, transfers } = this.#options;
    const path = await sftp.realpath(asked);
    const stats = await sftp.stat(path);
    const base = posix.basename(asked);
    const kind = kindOf(stats);
    if (kind === 'folder') {
      const name = `${posix.basename(path) || 'root'}.tar.gz`;
      const open = async () => await packedTree(client, posix.dirname(path), posix.basename(path) || '.');
      return { url: transfers.offer({ kind: 'download', name, size: null, open, counter }), size: null, version: null };
    }
    if (kind !== 'file') throw fault('bad-request', `${asked} is neither a file nor a folder`);
    // What /proc holds says that it is empty.
    const size = stats.size === 0 ? null : stats.size;
    const open = async () => await Promise.resolve(readFrom(sftp, path, size));
    return {
      url: transfers.offer({ kind: 'download', name: base, size, open, counter }),
      size: stats.size,
      version: versionOf(stats),
    };
  }

  async #upload({ path, size, only }: Extract<FilesAsk, { what: 'upload' }>): Promise<FilesResults['upload']> {
    const sftp = await this.#sftp();
    const { counter, transfers } = this.#options;
    await requireVersion(sftp, path, only);
    const take = async (source: Readable): Promise<Uploaded> => await write(sftp, path, only, source);
    return { url: transfers.offer({ kind: 'upload', size, take, counter }) };
  }
}

/** A server need not say any of it (section 5 of the draft). */
type Said = Partial<Pick<Stats, 'size' | 'mode' | 'mtime'>>;

async function list(sftp: Sftp, asked: string): Promise<FilesResults['list']> {
  const path = await sftp.realpath(asked);
  const found = await sftp.entries(path, mostEntries + 1);
  const entries = found.slice(0, mostEntries).flatMap(({ filename, attrs }): readonly FileEntry[] => {
    // What no file system has could lead elsewhere.
    if (filename === '' || filename === '.' || filename === '..' || filename.includes('/') || Buffer.byteLength(filename) > longestName)
      return [];
    const { size = 0, mode = 0, mtime = 0 } = attrs as Said;
    return [{ name: filename, kind: kindOf({ mode }), size, mode: mode & 0o7777, modifiedMs: mtime * 1000 }];
  });
  return { path, entries, isCut: found.length > mostEntries };
}

/** OpenSSH's rename takes no place that is taken; others may. */
async function rename(sftp: Sftp, from: string, to: string): Promise<void> {
  if ((await sftp.statIfThere(to)) !== undefined)
    throw fault('conflict', `${to} is there already: choose another name, or remove it first`);
  await sftp.rename(from, to);
}

function readFrom({ channel }: Sftp, path: string, size: number | null): Readable {
  // No more than was told before, if it grows meanwhile.
  return channel.createReadStream(path, { highWaterMark: chunkBytes, ...(size === null ? {} : { start: 0, end: size - 1 }) });
}

const versionOf = ({ size, mtime }: Stats) => `${mtime}-${size}`;

/** Throws `conflict` where something else is there by now, or anything at all. */
async function requireVersion(sftp: Sftp, path: string, only: string | null): Promise<Stats | undefined> {
  const stats = await sftp.statIfThere(path);
  if (stats !== undefined && kindOf(stats) !== 'file') throw fault('conflict', `${path} is there already, and is no file`);
  if (only === anyVersion) return stats;
  if (only === null && stats !== undefined) throw fault('conflict', `${path} is there already`);
  if (only !== null && (stats === undefined || versionOf(stats) !== only))
    throw fault('conflict', `${path} has been changed meanwhile by somebody else`);
  return stats;
}

/** Beside its place first, so that nobody ever reads half a file, and what is there stays until all has come. */
async function write(sftp: Sftp, asked: string, only: string | null, source: Readable): Promise<Uploaded> {
  const before = await requireVersion(sftp, asked, only);
  // Through a link the file that it leads to is written, and the link stays.
  const path = before === undefined ? asked : await sftp.realpath(asked);
  const part = posix.join(posix.dirname(path), `.${posix.basename(path).slice(0, 40)}.${randomBytes(6).toString('hex')}.part`);
  const { channel } = sftp;
  const mode = before === undefined ? 0o666 : before.mode & 0o7777;
  try {
    await pipeline(source, channel.createWriteStream(part, { flags: 'wx', mode }));
    if (before !== undefined) await keepAttributes(sftp, part, before);
    const now = await requireVersion(sftp, asked, only);
    await (now === undefined ? sftp.rename(part, path) : sftp.replace(part, path));
    return { version: versionOf(await sftp.stat(path)) };
  } catch (error) {
    channel.unlink(part, () => {});
    throw error instanceof Error && 'code' in error && typeof error.code === 'number' ? refusedAt(path, error) : error;
  }
}

/** Of the file that is replaced. Only root may give a file to somebody else, so its owner is kept where that can be done. */
async function keepAttributes(sftp: Sftp, part: string, { mode, uid, gid }: Stats): Promise<void> {
  const { uid: ownUid, gid: ownGid } = await sftp.stat(part);
  if (uid !== ownUid || gid !== ownGid) await sftp.setAttributes(part, { uid, gid }).catch(() => {});
  await sftp.setAttributes(part, { mode: mode & 0o7777 });
}
