/**
 * Who is asking: by password or by token. A wrong password, an unknown person and a name that is no name cost the same time and answer the same
 * sentence, so that nobody learns from here who exists.
 */
import { createHash } from 'node:crypto';
import type { Secret } from '../../base/secret.ts';
import type { PersonActor } from '../../core/access.ts';
import { fault } from '../../core/errors.ts';
import { shorten } from '../../core/ids.ts';
import type { PersonName } from '../../core/names.ts';
import { networkOf } from '../../core/peer-address.ts';
import { type Approach, makePasswordProof, nameOrUndefined } from './password-proof.ts';
import type { PeopleParts } from './parts.ts';
import { keyRules, makeTryThrottle, passwordRules, type TryThrottle } from './try-throttle.ts';

export interface SignedIn {
  readonly actor: PersonActor;
  readonly tokenId: string | undefined;
  /** Then this person may do nothing but change the password: a door lets only the calls through that lead there. */
  readonly passwordMustChange: boolean;
  /** For long-lived connections to ask now and then: the actor as they are by now, or undefined when what was shown here counts no more. */
  readonly recheck: () => Promise<PersonActor | undefined>;
}

export interface SignIn {
  /** Throws `wrong-password`, `too-many-tries`, `not-allowed` (right, but disabled). Writes the audit's line; `deed` names it. */
  byPassword(person: string, password: Secret, approach: Approach, deed?: string): Promise<SignedIn>;
  /** Throws `not-signed-in` for whatever is no live token. */
  byToken(token: Secret, approach: Approach): Promise<SignedIn>;
  /** Throws `wrong-password`, `too-many-tries`: for a person who is signed in and must show the password again. */
  confirm(person: PersonName, password: Secret, approach: Approach): Promise<void>;
  readonly byKey: KeyTries;
}

/** Signatures are checked elsewhere; here their tries are counted, apart from those of passwords: neither ever locks the other. */
export interface KeyTries {
  /** Throws `too-many-tries`. */
  check(key: string, fromAddress: string): void;
  succeeded(key: string, person: PersonName, fromAddress: string): void;
  /** One connection that showed no key that does. Counts one wrong try and writes the audit's line. `name` is what was typed. */
  failed(name: string, approach: Approach, what: string): Promise<void>;
}

export const tokenPrefix = 'mys_';

export function secretHashOf(token: Secret): string {
  return createHash('sha256').update(token.reveal()).digest('hex');
}

/** A wrong token is noted once a minute for each address, or a stranger could fill the disk with lines. */
const wrongTokenLineEveryMs = 60_000;

export function makeSignIn(parts: PeopleParts): SignIn {
  const { store, clock } = parts;

  /** Whoever shows the secret from before a renewal has a copy, or had theirs copied: which of the two cannot be told, so it ends for both (RFC 9700, section 4.14.2). */
  async function endCopied(secretHash: string, { via, fromAddress }: Approach): Promise<void> {
    const token = await store.tokens.outlived(secretHash);
    if (token === undefined) return;
    await store.tokens.revoke(token.id);
    const detail = `token ${token.id} is ended: its former secret was shown again, so somebody has a copy`;
    await store.audit.append({ person: token.person, via, fromAddress, deed: 'token-revoke', server: undefined, allowed: false, detail });
    parts.onPersonChanged(token.person);
  }

  const throttle = makeTryThrottle(parts.clock, passwordRules);
  const prove = makePasswordProof(parts, throttle);
  const noteWrongToken = makeWrongTokenNote(parts);

  return {
    async byPassword(text, password, { via, fromAddress }, deed = 'sign-in') {
      const { name, hash: shown } = await prove(text, password, { via, fromAddress }, deed);
      const [actor, person] = [await store.people.actor(name), await store.people.get(name)];
      const isGood = actor !== undefined && person !== undefined && !actor.disabled;
      const detail = isGood ? 'by password' : 'disabled';
      await store.audit.append({ person: name, via, fromAddress, deed, server: undefined, allowed: isGood, detail });
      if (!isGood) throw fault('not-allowed', `${name} is disabled here; an administrator can change that`);
      const recheck = async () => {
        const [fresh, hash] = [await store.people.actor(name), await store.people.passwordHash(name)];
        return fresh === undefined || fresh.disabled || hash?.reveal() !== shown.reveal() ? undefined : fresh;
      };
      return { actor, tokenId: undefined, passwordMustChange: person.passwordMustChange, recheck };
    },

    async byToken(token, approach) {
      const secretHash = secretHashOf(token);
      const find = async () => {
        const found = token.reveal().startsWith(tokenPrefix) ? await store.tokens.live(secretHash) : undefined;
        const actor = found === undefined ? undefined : await store.people.actor(found.person);
        return found === undefined || actor === undefined || actor.disabled ? undefined : { id: found.id, actor };
      };
      const found = await find();
      const person = found === undefined ? undefined : await store.people.get(found.actor.name);
      if (found === undefined || person === undefined) {
        await endCopied(secretHash, approach);
        await noteWrongToken(approach);
        throw fault('not-signed-in', 'the token is not valid (any more); sign in again with "myserver login URL"');
      }
      await store.tokens.touch(found.id);
      return {
        actor: found.actor,
        tokenId: found.id,
        passwordMustChange: person.passwordMustChange,
        // By the token and not by its secret, which is another one after a renewal.
        recheck: async () => {
          const now = await store.tokens.get(found.id);
          const fresh = now === undefined || now.revoked || now.expiresMs <= clock.now() ? undefined : await store.people.actor(now.person);
          return fresh?.disabled === false ? fresh : undefined;
        },
      };
    },

    async confirm(person, password, approach) {
      await prove(person, password, approach, 'person-password');
    },

    byKey: makeKeyTries(parts, throttle),
  };
}

function makeKeyTries({ store, clock }: PeopleParts, passwords: TryThrottle): KeyTries {
  const throttle = makeTryThrottle(clock, keyRules);
  return {
    check: (key, fromAddress) => throttle.check(key, fromAddress),
    succeeded(key, person, fromAddress) {
      throttle.succeeded(key, fromAddress);
      passwords.seen(person, fromAddress);
    },
    async failed(text, { via, fromAddress }, what) {
      // Never the name of a key, whatever was typed.
      const typed = `typed ${text}`;
      const wasLocked = isLocked(throttle, typed, fromAddress ?? '');
      const hasLocked = throttle.failed(typed, fromAddress ?? '');
      // Nothing stops a stranger from coming again; the audit has said that they do.
      if (wasLocked) return;
      const name = nameOrUndefined(text);
      const whose = name === undefined ? `${what}; for "${shorten(text)}"` : what;
      const detail = hasLocked ? `${whose}; further tries are refused for a while` : whose;
      await store.audit.append({ person: name, via, fromAddress, deed: 'sign-in', server: undefined, allowed: false, detail });
    },
  };
}

function isLocked(throttle: TryThrottle, name: string, address: string): boolean {
  try {
    throttle.check(name, address);
    return false;
  } catch {
    return true;
  }
}

function makeWrongTokenNote({ store, clock, log }: PeopleParts): (approach: Approach) => Promise<void> {
  const lastLines = new Map<string, number>();
  return async ({ via, fromAddress }) => {
    const now = clock.now();
    const network = networkOf(fromAddress ?? '');
    if ((lastLines.get(network) ?? Number.NEGATIVE_INFINITY) > now - wrongTokenLineEveryMs) return;
    if (lastLines.size > 10_000) lastLines.clear();
    lastLines.set(network, now);
    log.warn({ fromAddress }, 'somebody showed a token that is not valid');
    const detail = 'a token that is not valid; at most one such line a minute';
    await store.audit.append({ person: undefined, via, fromAddress, deed: 'sign-in', server: undefined, allowed: false, detail });
  };
}
