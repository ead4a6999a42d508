/**
 * Browser terminals of people without an account here, by a user and password of the server itself: as far as its SSH port is open to everybody by the public
 * address, and no faster than passwords are tried anywhere. What they get names the server and that user, and is good for nothing else.
 */
import type { Clock } from '../../base/clock.ts';
import { fault } from '../../core/errors.ts';
import { parseGeneration, parseServerId } from '../../core/ids.ts';
import { parseInsideUser } from '../../core/login.ts';
import { policyOf } from '../../core/port-policy.ts';
import type { ServerRecord } from '../../store/servers.ts';
import { makeTryThrottle, passwordRules } from '../people/try-throttle.ts';
import { type EnterablePlace, placeOf, type PlacesOptions } from './places.ts';
import type { Credentials } from './session-credential.ts';

export interface GuestEntered {
  readonly credential: string;
  readonly place: EnterablePlace;
}

export interface GuestAtServer {
  readonly generation: string;
  readonly fromAddress: string;
  /** Inside. */
  readonly user: string;
}

export interface GuestDesk {
  /** Throws `not-allowed` for whatever is not open to everybody, there or not; `too-many-tries`. */
  enter(id: number, user: string, fromAddress: string): Promise<GuestEntered>;
  /** `try`: a password is about to be tried; throws `too-many-tries` where it is not to be yet. The others: what the server said to it. Throws `not-signed-in`. */
  tell(credential: string, what: 'try' | 'right' | 'wrong'): Promise<void>;
  /** Undefined for what is no guest's. */
  guestOf(credential: string): GuestAtServer | undefined;
  /** Why that guest may be at that server no longer. */
  objection(guest: GuestAtServer, record: ServerRecord): string | undefined;
}

export interface GuestDeskOptions extends PlacesOptions {
  readonly credentials: Credentials;
  readonly clock: Clock;
}

export function makeGuestDesk(options: GuestDeskOptions): GuestDesk {
  const { store, facts, credentials, clock } = options;
  const throttle = makeTryThrottle(clock, passwordRules);
  const isOpen = ({ id, ports }: ServerRecord) => {
    const { plan } = facts();
    return plan.portsOf(id).some(({ block }) => block === 'ssh') && policyOf(plan, ports, 'ssh') === 'public';
  };

  function guestOf(credential: string): GuestAtServer | undefined {
    const statement = credentials.read(credential);
    if (statement?.proof.kind !== 'inside') return undefined;
    const { generation, user } = statement.proof;
    return { generation, user, fromAddress: statement.fromAddress };
  }

  return {
    guestOf,
    async enter(id, user, fromAddress) {
      const inside = parseInsideUser(user);
      const record = await store.servers.get(parseServerId(id));
      // Who is nobody here learns no more than at the port itself.
      if (record?.wanted !== 'running' || !isOpen(record))
        throw fault('not-allowed', `server ${id} is not there, or not open to everybody just now: whoever has an account here signs in`);
      throttle.check(record.generation, fromAddress);
      const place = await placeOf(options, record);
      const proof = { kind: 'inside', generation: record.generation, user: inside } as const;
      const credential = credentials.issue({ person: '', fromAddress, proof, sinceMs: clock.now() });
      return { credential, place: { ...place, gatewayKey: undefined } };
    },
    async tell(credential, what) {
      const guest = guestOf(credential);
      const record = guest === undefined ? undefined : await store.servers.byGeneration(parseGeneration(guest.generation));
      if (guest === undefined || record === undefined) throw fault('not-signed-in', 'that server is gone');
      const { fromAddress, user, generation } = guest;
      if (what === 'try') return throttle.check(generation, fromAddress);
      const isRight = what === 'right';
      if (isRight) throttle.succeeded(generation, fromAddress);
      else throttle.failed(generation, fromAddress);
      await store.audit.append({
        person: undefined,
        via: 'web',
        fromAddress,
        deed: 'guest-sign-in',
        server: { id: record.id, generation: record.generation },
        allowed: isRight,
        detail: isRight ? `as ${user}, by that user's own password` : `a wrong password of ${user}`,
      });
    },
    objection: ({ generation }, record) =>
      record.generation === generation && isOpen(record) ? undefined : `server ${record.id} is not open to everybody any more`,
  };
}
