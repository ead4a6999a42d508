/**
 * What becomes of heads on their way through: pure functions over raw header lists (`[name, value, name, value]`, in order, doubles kept, as Node gives them).
 * RFC 9110, sections 7.6.1 and 10; RFC 7239; RFC 6265.
 */

import type { PassClaims } from '../../core/web-pass.ts';
import { belowPrefix, mapped } from './below-prefix.ts';
import { withoutPass } from './pass-reader.ts';

/** Of one connection only (RFC 9110, section 7.6.1), or for a proxy alone. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** Said by us alone, whatever a client says. */
const saidByUs = /^(?:x-forwarded-(?:for|proto|host|port|prefix)|forwarded|x-real-ip|x-myserver-.*)$/u;

/** Would reach beyond the server that says it: to our whole name, or to pages of others. */
const tooFar = new Set([
  'service-worker-allowed',
  'clear-site-data',
  'strict-transport-security',
  'alt-svc',
  'nel',
  'report-to',
  'reporting-endpoints',
]);

const addressHeaders = new Set(['location', 'content-location', 'refresh', 'link']);

export interface Visitor {
  /** Undefined: a front has read the pass. */
  readonly claims: PassClaims | undefined;
  /** For the server: a token of its own. */
  readonly identity: string;
  /** Undefined: whoever has a link that was handed out. */
  readonly person: string | undefined;
}

export interface Passage {
  /** `/www/123`; empty where the name is the server's own. */
  readonly prefix: string;
  /** As the client asked. */
  readonly host: string;
  readonly clientAddress: string;
  readonly proto: 'http' | 'https';
  /** Ours, as people see it. */
  readonly port: number;
  /** Who has shown a pass. Undefined: anybody. */
  readonly visitor: Visitor | undefined;
}

/** Meant for the server whatever `Connection` says: without them a request has no host, or no end. */
const neverOfConnection = new Set(['host', 'content-length']);
/** Name nothing that goes anyway. */
const usual = new Set(['keep-alive', 'close', 'Keep-Alive', 'Close', 'upgrade', 'Upgrade']);

const none: ReadonlySet<string> = new Set();

/** Names that `Connection` says belong to this connection too. */
function namedByConnection(raw: readonly string[]): ReadonlySet<string> {
  let named = none;
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const value = raw[at + 1] ?? '';
    if (raw[at]?.toLowerCase() !== 'connection' || usual.has(value)) continue;
    const words = value.split(',').map((word) => word.trim().toLowerCase());
    named = new Set([...named, ...words.filter((word) => !neverOfConnection.has(word))]);
  }
  return named;
}

/** The head that the server gets. `upgrade`: the protocol that the client asks to change to, else undefined. */
export function inwardHead(raw: readonly string[], passage: Passage, upgrade?: string): readonly string[] {
  const { prefix, host, clientAddress, proto, port, visitor } = passage;
  const ofConnection = namedByConnection(raw);
  const head: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const [name = '', value = ''] = [raw[at], raw[at + 1]];
    const lower = name.toLowerCase();
    if (hopByHop.has(lower) || ofConnection.has(lower) || saidByUs.test(lower)) continue;
    const inward = lower === 'cookie' ? withoutPass(value) : value;
    if (inward !== undefined) head.push(name, inward);
  }
  const forwardedFor = clientAddress.includes(':') ? `"[${clientAddress}]"` : clientAddress;
  head.push(
    'X-Forwarded-For',
    clientAddress,
    'X-Forwarded-Proto',
    proto,
    'X-Forwarded-Host',
    host,
    'X-Forwarded-Port',
    String(port),
    ...(prefix === '' ? [] : ['X-Forwarded-Prefix', prefix]),
    'Forwarded',
    // Without its host, which Host says as it came: code-server compares the value, quotes and all, with Origin.
    `for=${forwardedFor};proto=${proto}`,
    ...(visitor === undefined ? [] : ['X-Myserver-Identity', visitor.identity]),
    ...(visitor?.person === undefined ? [] : ['X-Myserver-Person', visitor.person]),
    ...(upgrade === undefined ? [] : ['Connection', 'Upgrade', 'Upgrade', upgrade]),
  );
  return head;
}

/** The head that the visitor gets. `keepsUpgrade`: it is the answer 101, which says what the connection is from now on. */
export function outwardHead(raw: readonly string[], passage: Passage, keepsUpgrade = false): readonly string[] {
  const ofConnection = namedByConnection(raw);
  const head: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const [name = '', value = ''] = [raw[at], raw[at + 1]];
    const lower = name.toLowerCase();
    const isOfUpgrade = keepsUpgrade && (lower === 'upgrade' || lower === 'connection');
    if (!isOfUpgrade && (hopByHop.has(lower) || ofConnection.has(lower) || tooFar.has(lower))) continue;
    const outward =
      lower === 'set-cookie'
        ? outwardCookie(value, passage.prefix)
        : addressHeaders.has(lower)
          ? outwardAddress(lower, value, passage)
          : value;
    if (outward !== undefined) head.push(name, outward);
  }
  return head;
}

/** Without Domain, so that no neighbour gets it; below the prefix, so that none is sent it. Undefined: it cannot be had that way. */
export function outwardCookie(cookie: string, prefix: string): string | undefined {
  const [pair = '', ...attributes] = cookie.split(';');
  const name = pair
    .slice(0, Math.max(0, pair.indexOf('=')))
    .trim()
    .toLowerCase();
  if (name === '__host-myserver') return undefined;
  // Its path has to be "/", which is everybody's here.
  if (prefix !== '' && name.startsWith('__host-')) return undefined;
  const attributeName = (text: string) => text.split('=', 1)[0]?.trim().toLowerCase();
  const kept = attributes.filter((text) => attributeName(text) !== 'domain');
  if (prefix === '') return [pair, ...kept].join(';');
  const path =
    kept
      .findLast((text) => attributeName(text) === 'path')
      ?.split('=')
      .slice(1)
      .join('=')
      .trim() ?? '';
  const others = kept.filter((text) => attributeName(text) !== 'path');
  const below = path.startsWith('/') ? belowPrefix(path, prefix) : `${prefix}/`;
  return [pair, ...others, ` Path=${below}`].join(';');
}

function outwardAddress(header: string, value: string, passage: Passage): string {
  if (passage.prefix === '') return value;
  switch (header) {
    case 'refresh':
      return value.replace(
        /^(\s*[\d.]*\s*[;,]?\s*url\s*=\s*["']?)([^"']*)/iu,
        (_all, before: string, url: string) => before + mapped(url, passage),
      );
    case 'link':
      return value.replaceAll(/<([^<>]*)>/gu, (_all, url: string) => `<${mapped(url, passage)}>`);
    default:
      return mapped(value, passage);
  }
}
