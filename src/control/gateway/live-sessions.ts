/**
 * Sessions that live at the gateway's workers, as they last told. Each telling is answered with those that must end: because somebody ended them, because
 * the server was stopped, dropped or changed hands, or because the person's right to it is gone. Level-triggered: whatever changed, the next telling sets it right,
 * and `changes` only makes that telling come at once.
 */
import type { Clock } from '../../base/clock.ts';
import { allows } from '../../core/access.ts';
import { fault } from '../../core/errors.ts';
import { parseGeneration, type ServerId } from '../../core/ids.ts';
import type { PersonName } from '../../core/names.ts';
import type { ServerRecord } from '../../store/servers.ts';
import type { Store } from '../../store/store.ts';
import type { AccessDesk } from '../access-desk.ts';
import { type Caller, isAdministrator, originOf, personOf } from '../caller.ts';
import { type Changes, makeChanges } from './changes.ts';
import type { GatewayCaller, GatewayCallers } from './gateway-callers.ts';
import type { GuestDesk } from './guest-desk.ts';
import { type ListedDestination, listedFor } from './listed-destinations.ts';
import { makeToldWorkers } from './told-workers.ts';

export interface ToldSession {
  readonly id: string;
  readonly credential: string;
  /** `connection`, `lobby`, `shell`, `exec`, `sftp`, `subsystem`, `forward`, `remote-forward`. */
  readonly kind: string;
  readonly generation: string | undefined;
  /** Where a forward leads that leads to no server. */
  readonly listed: { readonly address: string; readonly port: number } | undefined;
  /** Of a terminal in a browser. */
  readonly terminal: string | undefined;
  readonly detail: string;
  readonly sinceMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export interface Told {
  readonly sessions: readonly ToldSession[];
  /** It takes people in; not so while it only finishes what lives. */
  readonly isListening: boolean;
}

export interface ShownSession extends Omit<ToldSession, 'credential' | 'generation' | 'listed'> {
  /** Undefined: somebody without an account, by a user of the server. */
  readonly person: PersonName | undefined;
  readonly fromAddress: string | undefined;
  readonly serverId: ServerId | undefined;
}

export interface LiveSessions {
  readonly changes: Changes;
  /** All of one worker's. Gives those that must end, each with a sentence for the person. Throws `not-allowed` for more workers than any gateway has. */
  tell(worker: string, told: Told): Promise<readonly { readonly id: string; readonly reason: string }[]>;
  /** Whether any worker takes people in; true until there was time for one to say so. */
  isListening(): boolean;
  /** One's own, and those on servers that one may share; administrators all. Oldest first. */
  list(caller: Caller): Promise<readonly ShownSession[]>;
  /** Throws `not-found`. It ends when its worker tells next, which is at once. */
  kill(caller: Caller, id: string): Promise<void>;
}

export interface LiveSessionsOptions {
  readonly store: Store;
  readonly access: AccessDesk;
  readonly callers: GatewayCallers;
  readonly guests: Pick<GuestDesk, 'guestOf' | 'objection'>;
  readonly clock: Clock;
  readonly destinations: readonly ListedDestination[];
}

interface Known extends ShownSession {
  readonly generation: string | undefined;
}

export function makeLiveSessions(options: LiveSessionsOptions): LiveSessions {
  const { store, access, clock } = options;
  const workers = makeToldWorkers<Known>(clock);
  const changes = makeChanges(clock.now());
  const alive = () => workers.sessions().toSorted((one, other) => one.sinceMs - other.sinceMs);

  /** May this caller know of it and end it? Their own, and those on a server of which they have everything. */
  async function visibleTo(caller: Caller): Promise<readonly Known[]> {
    if (isAdministrator(caller.actor)) return alive();
    const judge = await access.judge(caller);
    const owned = new Set(
      (await store.servers.list()).filter((record) => allows(judge(record), 'share')).map(({ generation }) => String(generation)),
    );
    return alive().filter(
      ({ person, generation }) =>
        (person !== undefined && person === personOf(caller)) || (generation !== undefined && owned.has(generation)),
    );
  }

  return {
    changes,
    async tell(worker, { sessions, isListening }) {
      const look = makeLook(options);
      const known: Known[] = [];
      const end: { readonly id: string; readonly reason: string }[] = [];
      for (const { credential, listed, ...session } of sessions) {
        const found = await look(credential, { generation: session.generation, listed });
        const reason = workers.endingOf(session.id) ?? found.objection;
        if (reason !== undefined) end.push({ id: session.id, reason });
        if (found.who !== undefined) known.push({ ...session, ...found.who, serverId: found.serverId });
      }
      workers.told(worker, known, isListening);
      return end;
    },
    isListening: () => workers.isListening(),
    async list(caller) {
      const me = personOf(caller);
      return (await visibleTo(caller)).map(({ generation: _generation, terminal, ...session }) => ({
        ...session,
        terminal: me !== undefined && session.person === me ? terminal : undefined,
      }));
    },
    async kill(caller, id) {
      const session = (await visibleTo(caller)).find((one) => one.id === id);
      if (session === undefined) throw fault('not-found', `there is no live session ${id} that you could end; "sessions" lists them`);
      const by = personOf(caller) ?? 'the administrator';
      workers.end(id, by === session.person ? 'you ended this session from elsewhere' : `${by} ended this session`);
      const server = session.generation === undefined ? undefined : await store.servers.byGeneration(parseGeneration(session.generation));
      await store.audit.append({
        ...originOf(caller),
        deed: 'session-kill',
        server: server === undefined ? undefined : { id: server.id, generation: server.generation },
        allowed: true,
        detail: `${session.kind} of ${session.person ?? 'somebody without an account'}`,
      });
      changes.bump();
    },
  };
}

interface Looked {
  readonly who: Pick<ShownSession, 'person' | 'fromAddress'> | undefined;
  readonly serverId: ServerId | undefined;
  readonly objection: string | undefined;
}

const countsNoMore = 'your key, certificate, password or account counts no more: sign in again';

/** Facts are read once for each person in one telling: a thousand sessions of a class are thirty people. */
function makeLook({ callers, guests, access, store, destinations }: LiveSessionsOptions) {
  const people = new Map<
    string,
    Promise<{ readonly who: GatewayCaller; readonly judge: Awaited<ReturnType<AccessDesk['judge']>> } | undefined>
  >();
  const servers = new Map<string, ReturnType<Store['servers']['byGeneration']>>();

  function objectionTo(listed: ToldSession['listed'], { caller }: GatewayCaller): string | undefined {
    if (listed === undefined) return undefined;
    const isStill = listedFor(destinations, caller.actor, listed.address, listed.port) !== undefined;
    return isStill ? undefined : `you may not reach ${listed.address}:${listed.port} through here any more`;
  }

  async function person(credential: string) {
    const who = await callers.look(credential);
    return who === undefined ? undefined : { who, judge: await access.judge(who.caller) };
  }

  async function at(generation: string, objection: (record: ServerRecord) => string | undefined) {
    const asked = servers.get(generation) ?? store.servers.byGeneration(parseGeneration(generation));
    servers.set(generation, asked);
    const record = await asked;
    if (record === undefined || record.wanted === 'dropping') return { serverId: undefined, objection: 'the server was dropped' };
    if (record.wanted === 'stopped') return { serverId: record.id, objection: `server ${record.id} was stopped` };
    return { serverId: record.id, objection: objection(record) };
  }

  async function lookAtGuest(credential: string, generation: string | undefined): Promise<Looked> {
    const guest = guests.guestOf(credential);
    if (guest === undefined || generation === undefined) return { who: undefined, serverId: undefined, objection: countsNoMore };
    const who = { person: undefined, fromAddress: guest.fromAddress };
    return { who, ...(await at(generation, (record) => guests.objection(guest, record))) };
  }

  return async (credential: string, { generation, listed }: Pick<ToldSession, 'generation' | 'listed'>): Promise<Looked> => {
    const known = people.get(credential) ?? person(credential);
    people.set(credential, known);
    const found = await known;
    if (found === undefined) return await lookAtGuest(credential, generation);
    const { caller } = found.who;
    const who = { person: caller.actor.name, fromAddress: caller.fromAddress };
    if (generation === undefined) return { who, serverId: undefined, objection: objectionTo(listed, found.who) };
    const mayEnter = (record: ServerRecord) =>
      allows(found.judge(record), 'enter') ? undefined : `you may not enter server ${record.id} any more`;
    return { who, ...(await at(generation, mayEnter)) };
  };
}
