/** Passes for the origins of single ports: tokens (RFC 7519) signed with a key that only control has. Whoever checks them has the public half. */
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { Secret } from '../../base/secret.ts';
import type { Generation } from '../../core/ids.ts';
import { identityType, type PassClaims, passSeconds, passType } from '../../core/web-pass.ts';
import type { Keyring } from '../../store/records.ts';

export interface Passes {
  /** PEM, SubjectPublicKeyInfo. */
  readonly publicKey: string;
  give(to: PassRequest): { readonly pass: string; readonly seconds: number };
}

export interface PassRequest {
  readonly subject: string;
  readonly generation: Generation;
  readonly door: string;
  readonly stamp: string;
  /** It ends no later than this. */
  readonly notAfterMs: number | undefined;
}

const keyringName = 'web-passes';
const algorithm = 'RS256';

export async function makePasses(keyring: Keyring, now: () => number): Promise<Passes> {
  const held = (await keyring.get(keyringName)) ?? (await keyring.keep(keyringName, freshKey()));
  const privateKey = createPrivateKey(held.privateKey.reveal());

  return {
    publicKey: held.publicKey,
    give({ subject, generation, door, stamp, notAfterMs }) {
      const seconds = Math.min(passSeconds, notAfterMs === undefined ? passSeconds : Math.floor((notAfterMs - now()) / 1000));
      const exp = Math.floor(now() / 1000) + seconds;
      const identity = token(privateKey, identityType, { sub: subject, aud: `${generation}/${door}`, exp });
      const line = [subject, `${generation}/${door}`, stamp, exp].join('|');
      const claims: PassClaims = { sub: subject, gen: generation, door, stamp, exp, line, id: identity };
      return { pass: token(privateKey, passType, claims), seconds };
    },
  };
}

function freshKey() {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  return { privateKey: new Secret(privateKey), publicKey };
}

function token(key: KeyObject, type: string, claims: object): string {
  const body = `${encoded({ alg: algorithm, typ: type })}.${encoded(claims)}`;
  return `${body}.${sign('sha256', Buffer.from(body), key).toString('base64url')}`;
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
