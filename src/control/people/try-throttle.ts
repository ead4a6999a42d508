/**
 * Guessing made slow. Wrong tries are counted in memory in three ways, and each kind locks for a while that doubles with every further one:
 * - a person at one address: strict, because that is one attacker or one forgetful owner;
 * - an address over all persons: one password tried on many names;
 * - a person over all addresses: many machines at one name. Locks here are short.
 * An address is its network (`core/peer-address.ts`): of IPv6 the /64.
 * The second and third pass over a person at a place from which that person has signed in before, so that an attacker cannot lock the owner out.
 * Nothing here locks for more than a few minutes: a lock that lasts is a weapon in the hands of whoever wants somebody out.
 */
import type { Clock } from '../../base/clock.ts';
import { fault } from '../../core/errors.ts';
import { isLoopbackAddress, networkOf } from '../../core/peer-address.ts';

interface Rule {
  /** Wrong tries that cost nothing. */
  readonly free: number;
  readonly longestSeconds: number;
}

export type TryRules = Readonly<Record<'pair' | 'address' | 'shared' | 'person', Rule>>;

export const passwordRules: TryRules = {
  pair: { free: 5, longestSeconds: 300 },
  address: { free: 50, longestSeconds: 300 },
  // Everybody on this host, and everybody behind a proxy on it, comes from a loopback address: one of them must not shut the others out.
  shared: { free: 200, longestSeconds: 5 },
  person: { free: 50, longestSeconds: 20 },
};

/**
 * No number of tries finds a key, and honest programs show all they have before they ask for a password, so an address gets more of them: a class behind one
 * is not to be kept out. What is left bounds the work and the lines that a stranger makes.
 */
export const keyRules: TryRules = { ...passwordRules, address: { free: 200, longestSeconds: 20 } };

/** After so long without a wrong try, the count begins anew. */
const forgetAfterMs = 3_600_000;

/** Beyond it the oldest are forgotten: memory that a stranger fills by making up names must end somewhere. About 200 bytes each. */
const mostRemembered = 20_000;

interface Count {
  wrong: number;
  lastMs: number;
  lockedUntilMs: number;
}

export interface TryThrottle {
  /** Throws `too-many-tries` with `retryAfterSeconds` while a lock holds; then the password is not even looked at. */
  check(person: string, address: string): void;
  /** Says whether this one began a lock. */
  failed(person: string, address: string): boolean;
  succeeded(person: string, address: string): void;
  /** The person is at home there, as something else has proved than what is tried here: tries that were wrong still count. */
  seen(person: string, address: string): void;
}

export function makeTryThrottle(clock: Clock, rules: TryRules): TryThrottle {
  const counts = new Map<string, Count>();
  const knownPlaces = new Map<string, true>();

  const keysOf = (person: string, address: string) => {
    const network = networkOf(address);
    const pair = JSON.stringify([person, network]);
    return { pair, keys: { pair: `pair ${pair}`, address: `address ${network}`, person: `person ${person}` } as const };
  };

  function current(key: string): Count | undefined {
    const count = counts.get(key);
    return count === undefined || clock.now() - count.lastMs > forgetAfterMs ? undefined : count;
  }

  return {
    check(person, address) {
      const { pair, keys } = keysOf(person, address);
      const now = clock.now();
      const asked = knownPlaces.has(pair) ? [keys.pair] : Object.values(keys);
      const until = asked.map((key) => current(key)?.lockedUntilMs ?? 0);
      const retryAfterSeconds = Math.ceil((Math.max(...until) - now) / 1000);
      if (retryAfterSeconds > 0) {
        throw fault('too-many-tries', `too many wrong sign-ins; try again in ${retryAfterSeconds} s`, { details: { retryAfterSeconds } });
      }
    },
    failed(person, address) {
      const { keys } = keysOf(person, address);
      const now = clock.now();
      let hasLocked = false;
      for (const kind of ['pair', 'address', 'person'] as const) {
        const count = current(keys[kind]) ?? { wrong: 0, lastMs: now, lockedUntilMs: 0 };
        const { free, longestSeconds } = rules[kind === 'address' && isShared(address) ? 'shared' : kind];
        count.wrong += 1;
        count.lastMs = now;
        const beyond = count.wrong - free;
        if (beyond >= 0) {
          count.lockedUntilMs = now + Math.min(2 ** Math.min(beyond, 20), longestSeconds) * 1000;
          hasLocked = true;
        }
        remember(counts, keys[kind], count);
      }
      return hasLocked;
    },
    succeeded(person, address) {
      const { pair, keys } = keysOf(person, address);
      counts.delete(keys.pair);
      remember(knownPlaces, pair, true);
    },
    seen: (person, address) => remember(knownPlaces, keysOf(person, address).pair, true),
  };
}

/** Over a socket there is none. */
function isShared(address: string): boolean {
  return address === '' || isLoopbackAddress(address);
}

/** Puts the entry at the young end and lets the oldest go. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= mostRemembered) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    break;
  }
}
