/** What every group of verbs about people is made from. */
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { PersonName } from '../../core/names.ts';
import type { Quota } from '../../store/people.ts';
import type { Store } from '../../store/store.ts';
import type { ServerVerbs } from '../control.ts';

export interface PeopleConfig {
  /** For what a person's own quota leaves undefined. */
  readonly defaultQuota: Quota;
  /** How long a token lives when nobody asks for another time. */
  readonly tokenLifetimeMs: number;
  /** The longest anybody may ask for. */
  readonly longestTokenLifetimeMs: number;
}

/** What the configuration leaves open. */
export const defaultPeopleConfig: PeopleConfig = {
  defaultQuota: { servers: 10, cpus: 16, memoryBytes: 16 * 2 ** 30, diskBytes: 100 * 2 ** 30 },
  tokenLifetimeMs: 12 * 3_600_000,
  longestTokenLifetimeMs: 90 * 86_400_000,
};

export interface PeopleParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** Cryptographically random bytes. */
  readonly random: (size: number) => Uint8Array;
  readonly config: PeopleConfig;
  readonly pushKeys: ServerVerbs['pushKeys'];
  /** What this person may do has changed, or who they are: sessions of theirs may have to end. Called after the change is in the store. */
  readonly onPersonChanged: (person: PersonName) => void;
}
