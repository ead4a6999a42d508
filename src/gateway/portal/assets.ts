/** The portal's files, as the build made them: read once, each in the forms in which browsers take it. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join } from 'node:path';
import { leaveTime } from '../http/left-over.ts';

export interface Assets {
  /** False: there is no such file. */
  send(request: IncomingMessage, response: ServerResponse, path: string): boolean;
}

interface Asset {
  readonly type: string;
  readonly tag: string;
  readonly plain: Buffer;
  /** As the build made them: at the start of a worker they would take a second. */
  readonly gzip: Buffer | undefined;
  readonly brotli: Buffer | undefined;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/**
 * Nothing but our own files: no script in a page, no frame around it, no other origin. The terminal alone makes styles of its own while it runs (xterm.js).
 */
const policyOf = (name: string) =>
  [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self'${name === 'terminal.html' ? " 'unsafe-inline'" : ''}`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    // The portal shows the terminal's page in its own, and nobody else shows any of ours.
    name === 'terminal.html' ? "frame-ancestors 'self'" : "frame-ancestors 'none'; frame-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');

/** Files whose name has the hash of what is in them. */
const isNamedByContent = (name: string) => /-[A-Z\d]{8}\.\w+$/u.test(name);

/** Names are paths below `dir`. A directory that is not there has no files: then there is no portal, and all else goes on. */
export async function loadAssets(dir: string): Promise<Assets> {
  const names = await readdir(dir, { recursive: true }).catch(() => [] as string[]);
  const wanted = names.filter((name) => types[extname(name)] !== undefined);
  const assets = new Map(await Promise.all(wanted.map(async (name) => [name, await load(dir, name)] as const)));

  return {
    send(request, response, name) {
      const asset = assets.get(name);
      if (asset === undefined) return false;
      const common = {
        'content-security-policy': policyOf(name),
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
        'cache-control': isNamedByContent(name) ? 'public, max-age=31536000, immutable' : 'no-cache',
        vary: 'accept-encoding',
        etag: asset.tag,
        ...leaveTime(request, response),
      };
      if (request.headers['if-none-match'] === asset.tag) {
        response.writeHead(304, common).end();
        return true;
      }
      const [encoding, body] = formFor(request, asset);
      response.writeHead(200, {
        ...common,
        'content-type': asset.type,
        'content-length': body.length,
        ...(encoding === undefined ? {} : { 'content-encoding': encoding }),
      });
      response.end(request.method === 'HEAD' ? undefined : body);
      return true;
    },
  };
}

async function load(dir: string, name: string): Promise<Asset> {
  const read = async (ending: string) => await readFile(join(dir, `${name}${ending}`)).catch(() => undefined);
  const [plain, zipped, brotli] = await Promise.all([readFile(join(dir, name)), read('.gz'), read('.br')]);
  const tag = `"${createHash('sha256').update(plain).digest('base64url').slice(0, 22)}"`;
  return { type: types[extname(name)] ?? '', tag, plain, gzip: zipped, brotli };
}

function formFor({ headers }: IncomingMessage, { plain, gzip, brotli }: Asset): readonly [string | undefined, Buffer] {
  const accepted = String(headers['accept-encoding'] ?? '');
  const takes = (name: string) => new RegExp(String.raw`\b${name}\b(?!\s*;\s*q=0(?:\.0*)?(?:,|$))`, 'u').test(accepted);
  if (brotli !== undefined && takes('br')) return ['br', brotli];
  return gzip !== undefined && takes('gzip') ? ['gzip', gzip] : [undefined, plain];
}
