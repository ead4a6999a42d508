/** Tokens: what a person signs in with after having shown the password once. 256 random bits, kept as their hash, expiring, revocable. */
import { Secret } from '../../base/secret.ts';
import { fault } from '../../core/errors.ts';
import type { PersonName } from '../../core/names.ts';
import type { Token } from '../../store/records.ts';
import { type Caller, isAdministrator, personOf, requirePerson } from '../caller.ts';
import { perform } from './deed.ts';
import type { PeopleParts } from './parts.ts';
import type { Approach } from './password-proof.ts';
import { secretHashOf, type SignIn, tokenPrefix } from './sign-in.ts';

export interface LoginRequest {
  readonly person: string;
  readonly password: Secret;
  readonly label?: string;
  /** Shortened to the longest that the configuration allows. */
  readonly lifetimeMs?: number;
}

export interface LoggedIn {
  /** Shown once, kept nowhere. */
  readonly token: Secret;
  readonly record: Token;
  readonly passwordMustChange: boolean;
}

export type Renewed = Pick<LoggedIn, 'token' | 'record'>;

export interface TokenVerbs {
  /** As `SignIn.byPassword`. */
  login(request: LoginRequest, approach: Approach): Promise<LoggedIn>;
  /**
   * Another secret for the token that asks, for as long again: the one that is known by now is good for a minute more. Throws `not-allowed` where no token
   * asks, or one that has been renewed for as long as any may live.
   */
  renew(caller: Caller): Promise<Renewed>;
  /** The caller's own that are live, newest first. */
  list(caller: Caller): Promise<readonly Token[]>;
  /** `current`: the one that asks. Administrators may end anybody's. Throws `no-such-token`. */
  revoke(caller: Caller, id: string): Promise<void>;
}

/** So that a script that signs in each minute does not fill the store: the oldest ends when one more is made. */
const mostTokens = 100;
/** What is under way when a token is renewed, in other tabs too, comes to its end with the former secret. */
const formerMs = 60_000;

export function makeTokenVerbs({ store, clock, random, config, onPersonChanged }: PeopleParts, signIn: SignIn): TokenVerbs {
  const newSecret = () => new Secret(tokenPrefix + Buffer.from(random(32)).toString('base64url'));

  async function live(caller: Caller): Promise<readonly Token[]> {
    const { name } = requirePerson(caller, 'have tokens');
    return (await store.tokens.list(name)).filter((token) => !token.revoked && token.expiresMs > clock.now());
  }

  return {
    async login({ person, password, label = '', lifetimeMs = config.tokenLifetimeMs }, approach) {
      const { actor, passwordMustChange } = await signIn.byPassword(person, password, approach, 'login');
      const token = newSecret();
      const record = await store.atomically(async ({ tokens }) => {
        const older = (await tokens.list(actor.name)).filter(({ revoked, expiresMs }) => !revoked && expiresMs > clock.now());
        for (const { id } of older.slice(mostTokens - 1)) await tokens.revoke(id);
        return tokens.add({
          person: actor.name,
          secretHash: secretHashOf(token),
          label,
          expiresMs: clock.now() + Math.min(lifetimeMs, config.longestTokenLifetimeMs),
        });
      });
      return { token, record, passwordMustChange };
    },

    async renew(caller) {
      const { tokenId } = caller;
      const old = tokenId === undefined ? undefined : await store.tokens.get(tokenId);
      if (old === undefined) throw fault('not-allowed', 'only a token can be renewed, by itself: sign in for one');
      const now = clock.now();
      const lastMs = old.createdMs + config.longestTokenLifetimeMs;
      const expiresMs = Math.min(now + old.lifetimeMs, lastMs);
      if (lastMs - now < formerMs) throw fault('not-allowed', 'this sign-in has been renewed for as long as one may last: sign in again');
      const token = newSecret();
      const record = await store.tokens.renew(old.id, { secretHash: secretHashOf(token), expiresMs, formerUntilMs: now + formerMs });
      return { token, record };
    },

    list: live,

    async revoke(caller, asked) {
      const id = asked === 'current' ? caller.tokenId : asked;
      if (id === undefined) throw fault('no-such-token', 'you are not signed in with a token, so there is no current one');
      let whose: PersonName | undefined;
      const missing = fault('no-such-token', 'you have no such token; "myserver token list" shows yours');
      await perform(store, caller, { deed: 'token-revoke', detail: `token ${id.slice(0, 40)}` }, async ({ tokens }) => {
        const token = await tokens.get(id);
        const isOwn = token !== undefined && token.person === personOf(caller);
        if (token === undefined || token.revoked || !(isOwn || isAdministrator(caller.actor))) throw missing;
        await tokens.revoke(id);
        whose = token.person;
      });
      // Terminals in a browser live by it.
      if (whose !== undefined) onPersonChanged(whose);
    },
  };
}
