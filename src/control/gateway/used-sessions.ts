/**
 * Which SSH sessions have been signed in with, so that a gateway that was taken over cannot show again what a person signed once: the session's ID is the hash
 * of one exchange of keys, and an honest gateway never has the same twice. Bounded for each person, so that nobody can push another's out by signing in often;
 * lost at a restart of control.
 */
import type { PersonName } from '../../core/names.ts';

export interface UsedSessions {
  /** False when it has been used before. */
  use(person: PersonName, sessionId: Uint8Array): boolean;
}

/** About 100 bytes each. Whoever signs in more often than so within one life of control has the oldest forgotten. */
const mostOfOne = 1000;

export function makeUsedSessions(): UsedSessions {
  const all = new Set<string>();
  const perPerson = new Map<PersonName, Set<string>>();
  return {
    use(person, sessionId) {
      const id = Buffer.from(sessionId).toString('base64');
      if (all.has(id)) return false;
      const own = perPerson.get(person) ?? new Set();
      perPerson.set(person, own);
      own.add(id);
      all.add(id);
      if (own.size <= mostOfOne) return true;
      for (const oldest of own) {
        own.delete(oldest);
        all.delete(oldest);
        break;
      }
      return true;
    },
  };
}
