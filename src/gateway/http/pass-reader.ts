/** Passes in cookies: read, never made, here (RFC 7515, RFC 7519). */
import { createPublicKey, verify } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type PassClaims, passCookie, passType } from '../../core/web-pass.ts';

/** Undefined: there is none, it is not control's, or it has run out. Whether it still counts is for the state of the web to say. */
export type PassReader = (request: Pick<IncomingMessage, 'headers'>, nowMs: number) => PassClaims | undefined;

/** `publicKey` in PEM; the empty text reads nothing. */
export function makePassReader(publicKey: string): PassReader {
  const key = publicKey === '' ? undefined : createPublicKey(publicKey);
  return ({ headers }, nowMs) => {
    const pass = cookiesOf(headers.cookie).find(({ name }) => name === passCookie)?.value ?? '';
    const [, head = '', claims = '', signature = ''] = /^([\w-]{1,200})\.([\w-]{1,3000})\.([\w-]{1,600})$/u.exec(pass) ?? [];
    if (key === undefined || head === '') return undefined;
    if (!verify('sha256', Buffer.from(`${head}.${claims}`), key, Buffer.from(signature, 'base64url'))) return undefined;
    // Control's, then: no other hand has the key, and the type keeps apart what is signed with it.
    const { typ } = decoded<{ readonly typ?: string }>(head);
    const read = decoded<PassClaims>(claims);
    return typ === passType && read.exp * 1000 > nowMs ? read : undefined;
  };
}

function decoded<T>(text: string): T {
  return JSON.parse(Buffer.from(text, 'base64url').toString()) as T;
}

interface Cookie {
  readonly name: string;
  readonly value: string;
}

/** RFC 6265, section 4.2.1, as browsers send it. */
function cookiesOf(header: string | undefined): readonly Cookie[] {
  return (header ?? '').split(';').flatMap((pair) => {
    const at = pair.indexOf('=');
    return at < 0 ? [] : [{ name: pair.slice(0, at).trim(), value: pair.slice(at + 1).trim() }];
  });
}

/** The header without our own: a server never sees what lets people in. Undefined: nothing is left. */
export function withoutPass(header: string): string | undefined {
  const kept = header.split(';').filter((pair) => pair.split('=', 1)[0]?.trim().toLowerCase() !== passCookie.toLowerCase());
  return kept.every((pair) => pair.trim() === '') ? undefined : kept.join(';').trim();
}
