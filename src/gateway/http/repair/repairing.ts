/** Which requests and answers are repaired, and how their bodies flow: streamed, at the pace of the slower side, a bounded piece kept. */
import type { IncomingMessage } from 'node:http';
import { Transform, type TransformCallback } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import type { RepairMode } from '../../../core/port-policy.ts';
import type { Placed } from '../below-prefix.ts';
import { repairTag } from './browser.ts';
import { makeCssRepair } from './css.ts';
import { makeHtmlRepair } from './html.ts';
import type { Repair } from './repair.ts';

/** `auto`: what a browser will render, by Sec-Fetch-Dest where it says that, else by Accept. */
export function wantsRepair(mode: RepairMode, { method, headers }: Pick<IncomingMessage, 'method' | 'headers'>): boolean {
  if (method === 'HEAD' || mode === 'off') return false;
  if (mode === 'on') return true;
  const destination = headers['sec-fetch-dest'];
  if (typeof destination === 'string') return /^(?:document|iframe|frame|embed|object|style)$/u.test(destination);
  return /\btext\/(?:html|css)\b/u.test(headers.accept ?? '');
}

const notAsked = new Set(['accept-encoding', 'range', 'if-range']);

/** What the server is asked: plainly, and for the whole. */
export function plainHead(head: readonly string[]): readonly string[] {
  const kept = head.filter((_text, at) => !notAsked.has((head[at - (at % 2)] ?? '').toLowerCase()));
  return [...kept, 'Accept-Encoding', 'identity'];
}

export interface Repairing {
  readonly head: readonly string[];
  readonly through: readonly Transform[];
}

/** True of the bytes that were there, and of no others. */
const ofTheBytes = new Set([
  'content-length',
  'content-encoding',
  'content-md5',
  'digest',
  'content-digest',
  'repr-digest',
  'accept-ranges',
]);

/** Undefined: it stays as it is. `head` is what the visitor would get without. */
export function repairingOf(answer: IncomingMessage, head: readonly string[], mode: RepairMode, placed: Placed): Repairing | undefined {
  const { statusCode = 0, headers } = answer;
  const type = /^\s*text\/(html|css)\s*(?:;|$)/iu.exec(headers['content-type'] ?? '')?.[1]?.toLowerCase();
  if (type === undefined || statusCode === 204 || statusCode === 206 || statusCode === 304) return undefined;
  if (/charset\s*=\s*"?utf-?(?:16|32)/iu.test(headers['content-type'] ?? '')) return undefined;
  if (mode === 'auto' && /\bno-transform\b/iu.test(headers['cache-control'] ?? '')) return undefined;
  const decoders = decodersOf(headers['content-encoding']);
  if (decoders === undefined) return undefined;
  const repair = type === 'css' ? makeCssRepair(placed) : makeHtmlRepair({ ...placed, insert: repairTag(placed.prefix) });
  return { head: repairedHead(head, mode), through: [...decoders, through(repair)] };
}

function repairedHead(head: readonly string[], mode: RepairMode): readonly string[] {
  const kept = head.flatMap((text, at) => {
    if (at % 2 === 1) return [];
    const name = text.toLowerCase();
    const value = head[at + 1] ?? '';
    if (ofTheBytes.has(name)) return [];
    return [text, name === 'etag' && !value.startsWith('W/') ? `W/${value}` : value];
  });
  return mode === 'auto' ? [...kept, 'Vary', 'Sec-Fetch-Dest, Accept'] : kept;
}

function through(repair: Repair): Transform {
  return new Transform({
    transform(piece: Buffer, _encoding, done: TransformCallback) {
      done(null, Buffer.from(repair.write(piece.toString('latin1')), 'latin1'));
    },
    flush(done) {
      done(null, Buffer.from(repair.end(), 'latin1'));
    },
  });
}

/** For a server that packs although it was asked not to. Undefined: packed in a way that cannot be undone here. */
function decodersOf(encoding: string | undefined): readonly Transform[] | undefined {
  const names = (encoding ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity');
  const [name] = names;
  if (name === undefined) return [];
  if (names.length > 1) return undefined;
  const decoder =
    name === 'gzip' || name === 'x-gzip'
      ? createGunzip()
      : name === 'deflate'
        ? createInflate()
        : name === 'br'
          ? createBrotliDecompress()
          : undefined;
  if (decoder === undefined) return undefined;
  const packed = counter();
  return [packed.stream, decoder, bombGuard(() => packed.bytes())];
}

/** A text of this size may be of anything; a larger one that shrinks more than any text does is a compression bomb. */
const freeBytes = 10 * 2 ** 20;
const mostRatio = 200;

function counter() {
  let bytes = 0;
  const stream = new Transform({
    transform(piece: Buffer, _encoding, done) {
      bytes += piece.length;
      done(null, piece);
    },
  });
  return { stream, bytes: () => bytes };
}

function bombGuard(packedBytes: () => number): Transform {
  let bytes = 0;
  return new Transform({
    transform(piece: Buffer, _encoding, done) {
      bytes += piece.length;
      const isBomb = bytes > freeBytes && bytes > packedBytes() * mostRatio;
      done(isBomb ? new Error('what is unpacked grows beyond all measure') : null, isBomb ? undefined : piece);
    },
  });
}
