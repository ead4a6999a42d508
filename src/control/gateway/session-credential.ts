/**
 * What the gateway holds for each person who signed in, and shows at each question: a statement of ours under our own MAC. It is nothing that control has
 * to remember, so it outlives a restart of control as the sessions at the gateway do; and it is no right by itself, for who it names is looked up anew
 * each time (`gateway-callers.ts`).
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Keyring } from '../../store/records.ts';
import { keptSecret } from '../kept-secret.ts';

const prefix = 'mygw_';

/** By what the person showed who they are; it must still be theirs for the credential to count. */
export type Proof =
  | { readonly kind: 'key'; readonly fingerprint: string }
  /** A hash of the hash that the store had for the password. */
  | { readonly kind: 'password'; readonly tag: string }
  /** Of the portal: it may be renewed meanwhile, and is the same one then. */
  | { readonly kind: 'token'; readonly id: string }
  /** Of somebody without an account: the user of that server whose password the server itself is asked about. */
  | { readonly kind: 'inside'; readonly generation: string; readonly user: string }
  /** `authority`: the fingerprint of its key. */
  | { readonly kind: 'certificate'; readonly authority: string; readonly expiresMs: number };

export interface Statement {
  /** Empty: nobody of ours. */
  readonly person: string;
  readonly fromAddress: string;
  readonly proof: Proof;
  readonly sinceMs: number;
}

export interface Credentials {
  issue(statement: Statement): string;
  /** Undefined for whatever was not issued here. */
  read(text: string): Statement | undefined;
}

const keyringName = 'gateway-sessions';
/** A session of SSH may stay up for weeks; what it was given for is looked at each time. This only bounds what a stolen one is good for. */
const longestMs = 30 * 86_400_000;

export async function makeCredentials(keyring: Keyring, now: () => number): Promise<Credentials> {
  const secret = await keptSecret(keyring, keyringName);
  const macOf = (body: string) => createHmac('sha256', secret).update(body).digest();

  return {
    issue(statement) {
      const body = Buffer.from(JSON.stringify(statement)).toString('base64url');
      return `${prefix}${body}.${macOf(body).toString('base64url')}`;
    },
    read(text) {
      const [, body = '', mac = ''] = /^mygw_([\w-]{1,1800})\.([\w-]{43})$/u.exec(text) ?? [];
      if (body === '' || !timingSafeEqual(macOf(body), Buffer.from(mac, 'base64url'))) return undefined;
      const statement = JSON.parse(Buffer.from(body, 'base64url').toString()) as Statement;
      return statement.sinceMs > now() - longestMs ? statement : undefined;
    },
  };
}
