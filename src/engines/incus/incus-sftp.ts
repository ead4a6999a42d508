/**
 * Writing files of an instance over Incus's SFTP connection. Its plain file API leaves mode and owner of an existing file as they are and writes in
 * place; here a file is written beside, given owner and mode, and then takes the old one's place in one step, so nobody ever reads half of it.
 */
import { IncomingMessage, request as httpRequest } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FileToPush } from '../../core/provision.ts';
import { parseEnvelope, refusal } from './incus-error.ts';
import { cancelled, unavailable } from './incus-http.ts';
import {
  handleOf,
  handlePacket,
  initPacket,
  mkdirPacket,
  modeOf,
  openNewPacket,
  packet,
  pathPacket,
  renamePacket,
  setAttributesPacket,
  splitReplies,
  statusOf,
  writePacket,
  type Reply,
} from './sftp-packets.ts';

export interface SftpOptions {
  readonly socket: string;
  /** `/1.0/instances/NAME/sftp?project=…`. */
  readonly path: string;
  /** Ends the sentence "Incus could not …". */
  readonly deed: string;
  readonly signal: AbortSignal | undefined;
}

export interface Sftp extends Disposable {
  makeDirectory(directory: Extract<FileToPush, { kind: 'directory' }>): Promise<void>;
  writeFile(file: Extract<FileToPush, { kind: 'file' }>): Promise<void>;
}

/** Servers must take 32 KiB (section 3 of the draft); many take no more. */
const partBytes = 32 * 1024;
/** How long Incus may take to mount the disk and answer. */
const silenceMs = 60_000;
const kindBits = 0o170_000;
const directoryBits = 0o040_000;

export async function openSftp(options: SftpOptions): Promise<Sftp> {
  const exchange = await connect(options);
  const { deed } = options;

  async function done(reply: Promise<Reply>, what: string): Promise<void> {
    const { code, sentence } = statusOf(await reply);
    if (code !== 0) throw refusal(`${deed} (${what})`, sentence, 500);
  }

  async function setAttributes(target: string | Buffer, file: FileToPush): Promise<void> {
    const { uid, gid, mode, path } = file;
    for (const attributes of [{ uid, gid }, { mode }]) {
      await done(
        exchange.ask((id) => setAttributesPacket(id, target, attributes)),
        path,
      );
    }
  }

  return {
    async makeDirectory(directory) {
      const { path } = directory;
      const made = statusOf(await exchange.ask((id) => mkdirPacket(id, path)));
      if (made.code !== 0) {
        const found = await exchange.ask((id) => pathPacket(packet.lstat, id, path));
        const isDirectory = found.type === packet.attributes && (modeOf(found) & kindBits) === directoryBits;
        if (!isDirectory) throw refusal(`${deed} (${path})`, made.sentence, 500);
      }
      await setAttributes(path, directory);
    },

    async writeFile(file) {
      const { path, content } = file;
      const beside = `${path}.myserver-new`;
      const bytes = Buffer.from(content);
      // What a killed writer left; absent is as good.
      await exchange.ask((id) => pathPacket(packet.remove, id, beside));
      const opened = await exchange.ask((id) => openNewPacket(id, beside));
      if (opened.type !== packet.handle) throw refusal(`${deed} (${path})`, statusOf(opened).sentence, 500);
      const handle = handleOf(opened);
      try {
        // Before the first byte: a private key is never readable by others, however short.
        await setAttributes(handle, file);
        for (let at = 0; at < bytes.length; at += partBytes) {
          await done(
            exchange.ask((id) => writePacket(id, handle, at, bytes.subarray(at, at + partBytes))),
            path,
          );
        }
      } finally {
        await exchange.ask((id) => handlePacket(packet.close, id, handle));
      }
      await done(
        exchange.ask((id) => renamePacket(id, beside, path)),
        path,
      );
    },

    [Symbol.dispose]: () => exchange.close(),
  };
}

interface Exchange {
  /** Sends one request and resolves with its reply; many may be under way. */
  ask(make: (id: number) => Buffer): Promise<Reply>;
  close(): void;
}

async function connect(options: SftpOptions): Promise<Exchange> {
  const { socket, signal } = options;
  if (signal?.aborted === true) throw cancelled(signal);
  const stream = await upgrade(options);
  const waiting = new Map<number | undefined, PromiseWithResolvers<Reply>>();
  let rest: Buffer = Buffer.alloc(0);
  let lastId = 0;
  let ended: Error | undefined;

  const end = (cause: unknown) => {
    ended ??= signal?.aborted === true ? cancelled(signal) : unavailable(socket, cause);
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
    stream.destroy();
  };
  const abort = () => end(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  stream.on('error', end);
  stream.on('close', () => end(new Error('the connection for files was closed')));
  stream.on('data', (chunk: Buffer) => {
    try {
      const split = splitReplies(Buffer.concat([rest, chunk]));
      rest = split.rest;
      for (const reply of split.replies) {
        waiting.get(reply.id)?.resolve(reply);
        waiting.delete(reply.id);
      }
    } catch (error) {
      end(error);
    }
  });

  const expect = async (id: number | undefined, bytes: Buffer): Promise<Reply> => {
    if (ended !== undefined) throw ended;
    const reply = Promise.withResolvers<Reply>();
    waiting.set(id, reply);
    stream.write(bytes);
    return await reply.promise;
  };
  await expect(undefined, initPacket());
  return {
    async ask(make) {
      lastId += 1;
      return await expect(lastId, make(lastId));
    },
    close() {
      signal?.removeEventListener('abort', abort);
      stream.destroy();
    },
  };
}

async function upgrade(options: SftpOptions): Promise<Duplex> {
  const { socket, path, deed, signal } = options;
  const { promise, resolve, reject } = Promise.withResolvers<Duplex | IncomingMessage>();
  const request = httpRequest({
    socketPath: socket,
    path,
    headers: { host: 'incus', connection: 'Upgrade', upgrade: 'sftp' },
    timeout: silenceMs,
    ...(signal === undefined ? {} : { signal }),
  });
  request.once('upgrade', (_, stream) => resolve(stream));
  request.once('response', resolve);
  request.once('error', (error) => reject(signal?.aborted === true ? cancelled(signal) : unavailable(socket, error)));
  request.once('timeout', () => request.destroy(new Error(`no answer in ${silenceMs / 1000} s`)));
  request.end();
  const answer = await promise;
  if (!(answer instanceof IncomingMessage)) return answer;
  const chunks = await answer.toArray();
  const { error, error_code: code } = parseEnvelope(Buffer.concat(chunks as Buffer[]), deed);
  throw refusal(deed, error ?? 'no reason given', code ?? 0);
}
