/** The packets of SFTP version 3 that writing files needs (draft-ietf-secsh-filexfer-02). Pure: bytes in, bytes out. */

export const packet = {
  init: 1,
  version: 2,
  open: 3,
  close: 4,
  write: 6,
  lstat: 7,
  setstat: 9,
  fsetstat: 10,
  remove: 13,
  mkdir: 14,
  status: 101,
  handle: 102,
  attributes: 105,
  extended: 200,
} as const;

/** SSH_FXF_WRITE | SSH_FXF_CREAT | SSH_FXF_EXCL. */
const writeNew = 0x02 | 0x08 | 0x20;
const hasOwner = 0x02;
const hasPermissions = 0x04;

export function initPacket(): Buffer {
  return framed(packet.init, uint32(3));
}

export function openNewPacket(id: number, path: string): Buffer {
  return framed(packet.open, uint32(id), text(path), uint32(writeNew), uint32(0));
}

export function writePacket(id: number, handle: Buffer, offset: number, bytes: Uint8Array): Buffer {
  return framed(packet.write, uint32(id), block(handle), uint64(offset), block(bytes));
}

export function handlePacket(type: typeof packet.close, id: number, handle: Buffer): Buffer {
  return framed(type, uint32(id), block(handle));
}

export function pathPacket(type: typeof packet.lstat | typeof packet.remove, id: number, path: string): Buffer {
  return framed(type, uint32(id), text(path));
}

export function mkdirPacket(id: number, path: string): Buffer {
  return framed(packet.mkdir, uint32(id), text(path), uint32(0));
}

/** What to set: owner first and mode after it, in two packets, because a change of owner may clear bits of the mode. */
export type Attributes = { readonly uid: number; readonly gid: number } | { readonly mode: number };

export function setAttributesPacket(id: number, target: string | Buffer, attributes: Attributes): Buffer {
  const which = typeof target === 'string' ? packet.setstat : packet.fsetstat;
  const set =
    'mode' in attributes
      ? [uint32(hasPermissions), uint32(attributes.mode)]
      : [uint32(hasOwner), uint32(attributes.uid), uint32(attributes.gid)];
  return framed(which, uint32(id), typeof target === 'string' ? text(target) : block(target), ...set);
}

/** Replaces what is at `to`, in one step (OpenSSH's PROTOCOL, section 4.3). */
export function renamePacket(id: number, from: string, to: string): Buffer {
  return framed(packet.extended, uint32(id), text('posix-rename@openssh.com'), text(from), text(to));
}

/** `id` is undefined for the first answer of all, the version. */
export interface Reply {
  readonly type: number;
  readonly id: number | undefined;
  readonly body: Buffer;
}

/** The whole replies at the beginning of `bytes`, and what is left. A reply longer than 256 KiB (the drafts' largest) throws. */
export function splitReplies(bytes: Buffer): { readonly replies: readonly Reply[]; readonly rest: Buffer } {
  const replies: Reply[] = [];
  let at = 0;
  while (bytes.length - at >= 5) {
    const length = bytes.readUInt32BE(at);
    if (length < 5 || length > 256 * 1024) throw new Error(`an SFTP packet of ${length} bytes`);
    if (bytes.length - at < 4 + length) break;
    const type = bytes.readUInt8(at + 4);
    const hasId = type !== packet.version;
    replies.push({ type, id: hasId ? bytes.readUInt32BE(at + 5) : undefined, body: bytes.subarray(at + (hasId ? 9 : 5), at + 4 + length) });
    at += 4 + length;
  }
  return { replies, rest: bytes.subarray(at) };
}

export function handleOf(reply: Reply): Buffer {
  return reply.body.subarray(4, 4 + reply.body.readUInt32BE(0));
}

/** Code 0 is success, 2 "no such file". */
export function statusOf(reply: Reply): { readonly code: number; readonly sentence: string } {
  const code = reply.body.readUInt32BE(0);
  const length = reply.body.length >= 8 ? reply.body.readUInt32BE(4) : 0;
  return { code, sentence: reply.body.toString('utf8', 8, 8 + length) };
}

/** Mode with the kind's bits (S_IFDIR 0o040000), 0 where the reply has none. */
export function modeOf(reply: Reply): number {
  const flags = reply.body.readUInt32BE(0);
  const skip = ((flags & 0x01) === 0 ? 0 : 8) + ((flags & hasOwner) === 0 ? 0 : 8);
  return (flags & hasPermissions) === 0 ? 0 : reply.body.readUInt32BE(4 + skip);
}

function framed(type: number, ...parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 1);
  return Buffer.concat([uint32(length), Buffer.from([type]), ...parts]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

function block(bytes: Uint8Array): Buffer {
  return Buffer.concat([uint32(bytes.length), bytes]);
}

function text(value: string): Buffer {
  return block(Buffer.from(value));
}
