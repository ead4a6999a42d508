/**
 * What is in files, by HTTP: each transfer at an address of its own, which only the page that asked has heard of, good once and for a minute. What comes from a
 * server is never shown on our origin: the browser saves it (RFC 6266), and takes it for nothing else.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline as piped, type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { messageOf } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import { transferPrefix, type Uploaded } from '../../contract/files.ts';
import { errorCatalogue, fault, toFault } from '../../core/errors.ts';
import type { Counter } from '../bastion/relay.ts';
import { sendJson } from '../http/send-json.ts';
import { isFromHere } from '../portal/api-relay.ts';
import type { WorkerDoor } from './worker-door.ts';

export interface Download {
  readonly kind: 'download';
  readonly name: string;
  /** In bytes; null: not known before. */
  readonly size: number | null;
  readonly open: () => Promise<Readable>;
  readonly counter: Counter;
}

export interface Upload {
  readonly kind: 'upload';
  readonly size: number;
  readonly take: (source: Readable) => Promise<Uploaded>;
  readonly counter: Counter;
}

export interface Transfers {
  /** The path at which it can be had. */
  offer(transfer: Download | Upload): string;
  /** False: it is another's path. */
  answer(request: IncomingMessage, response: ServerResponse, target: string): boolean;
}

const offeredMs = 60_000;
/** The oldest make room. */
const mostOffers = 5000;

export function makeTransfers({ door, log }: { readonly door: WorkerDoor; readonly log: Log }): Transfers {
  const offers = new Map<string, { readonly transfer: Download | Upload; readonly untilMs: number }>();

  function forgetOld(): void {
    const now = Date.now();
    for (const [name, { untilMs }] of offers) {
      if (untilMs > now && offers.size < mostOffers) break;
      offers.delete(name);
    }
  }

  async function serve(request: IncomingMessage, response: ServerResponse, name: string): Promise<void> {
    const offer = offers.get(name);
    if (!isFromHere(request)) throw fault('not-allowed', 'pages of other sites may not do this');
    if (offer !== undefined && request.method !== (offer.transfer.kind === 'download' ? 'GET' : 'PUT'))
      throw fault('wrong-method', `this is for ${offer.transfer.kind === 'download' ? 'GET' : 'PUT'}`);
    offers.delete(name);
    if (offer === undefined || offer.untilMs <= Date.now())
      throw fault('not-found', 'this address was good once, or has run out: ask again');
    await (offer.transfer.kind === 'download' ? send(response, offer.transfer) : receive(request, response, offer.transfer));
  }

  function begin(request: IncomingMessage, response: ServerResponse, name: string): void {
    serve(request, response, name).catch((error: unknown) => {
      const found = toFault(error);
      if (found.code === 'internal' && !request.destroyed && !response.destroyed)
        log.warn({ error: messageOf(error) }, 'a transfer of a file broke off');
      // An answer that is cut short must not look whole.
      if (response.headersSent) response.destroy();
      else refuse(request, response, found);
    });
  }

  return {
    offer(transfer) {
      forgetOld();
      const name = `${door.name}-${randomBytes(24).toString('base64url')}`;
      offers.set(name, { transfer, untilMs: Date.now() + offeredMs });
      return `${transferPrefix}${name}`;
    },
    answer(request, response, target) {
      const [path = ''] = target.split('?', 1);
      if (!path.startsWith(transferPrefix)) return false;
      const name = path.slice(transferPrefix.length);
      const gone = () => refuse(request, response, fault('not-found', 'the gateway was restarted meanwhile: ask again'));
      if (!door.passOn(name, request, response, gone)) begin(request, response, name);
      return true;
    },
  };
}

async function send(response: ServerResponse, { name, size, open, counter }: Download): Promise<void> {
  const source = await open();
  // A source that fails at its first byte is refused with a sentence; an empty one ends without any.
  await firstBytes(source);
  response.writeHead(200, {
    'content-type': 'application/octet-stream',
    ...(size === null ? {} : { 'content-length': size }),
    'content-disposition': dispositionOf(name),
    'content-security-policy': "default-src 'none'; sandbox",
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    'cross-origin-resource-policy': 'same-origin',
  });
  await pipeline(
    source,
    counting((bytes) => counter.out(bytes)),
    response,
  );
}

async function firstBytes(source: Readable): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  const ready = () => resolve(undefined);
  source.once('readable', ready).once('end', ready).once('error', reject);
  try {
    await promise;
  } finally {
    source.off('readable', ready).off('end', ready).off('error', reject);
  }
}

async function receive(request: IncomingMessage, response: ServerResponse, { size, take, counter }: Upload): Promise<void> {
  const told = Number(request.headers['content-length'] ?? Number.NaN);
  if (told !== size) throw fault('bad-request', `${size} bytes were announced, and another number is sent`);
  // Whoever goes away takes their half of a file along.
  const source = piped(
    request,
    counting((bytes) => counter.in(bytes)),
    () => {},
  );
  sendJson(request, response, 200, await take(source));
}

function counting(count: (bytes: number) => void): Transform {
  return new Transform({
    transform(data: Buffer, _encoding, done) {
      count(data.length);
      done(null, data);
    },
  });
}

/** Any name at all, in the form for all browsers (RFC 8187), with one of plain letters for who reads no other. */
function dispositionOf(name: string): string {
  const plain = name.replaceAll(/[^\w. -]/gu, '_');
  const encoded = encodeURIComponent(name.toWellFormed()).replaceAll(
    /['()*!]/gu,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

function refuse(request: IncomingMessage, response: ServerResponse, { code, message }: ReturnType<typeof toFault>): void {
  sendJson(request, response, errorCatalogue[code].httpStatus, { error: { code, message } });
}
