/**
 * What control does for the gateway: one verb for each thing it may ask (contract/internal). Every decision about a person and a server is made here, by
 * `core/access` as at every other door; the gateway only carries it out.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Secret } from '../../base/secret.ts';
import type { Clock } from '../../base/clock.ts';
import { fault } from '../../core/errors.ts';
import { parseGeneration, parseServerId, type ServerId } from '../../core/ids.ts';
import { parsePersonName } from '../../core/names.ts';
import { parseDestination } from '../../core/destination.ts';
import { parseServerReference, type ServerReference } from '../../core/login.ts';
import type { WebPorts } from '../../core/web-origins.ts';
import type { AccessDesk } from '../access-desk.ts';
import type { Bastion, InstallationFacts } from '../control.ts';
import type { PeopleControl } from '../people/people-control.ts';
import { signAsGateway } from '../servers/gateway-key.ts';
import type { KeyPair } from '../../store/records.ts';
import type { Store } from '../../store/store.ts';
import type { World } from '../world.ts';
import { bastionHostKey } from './bastion-host-key.ts';
import { makeWebDesk, type WebDesk, type WebDeskOptions } from '../web/web-desk.ts';
import { type GatewayCaller, type GatewayCallers, makeGatewayCallers, passwordTag } from './gateway-callers.ts';
import { type KeyOffer, type SignedInAtGateway, signInByKey } from './key-sign-in.ts';
import { type LiveSessions, makeLiveSessions } from './live-sessions.ts';
import { type ListedDestination, listedFor } from './listed-destinations.ts';
import type { RecordingFiles } from './recording-files.ts';
import { makeRecordings, type Recordings } from './recordings.ts';
import { type Credentials, makeCredentials } from './session-credential.ts';
import { makeTerminalDesk, type TerminalDesk } from './terminal-desk.ts';
import { type GuestDesk, makeGuestDesk } from './guest-desk.ts';
import { type EnterablePlace, placeOf } from './places.ts';
import { makeUsedSessions } from './used-sessions.ts';

export interface GatewaySettings {
  /** OpenSSH lines of authorities whose user certificates count. */
  readonly authorities: readonly string[];
  /** Beyond one's own servers. */
  readonly destinations: readonly ListedDestination[];
}

export interface GatewayControlOptions {
  readonly store: Store;
  readonly access: AccessDesk;
  readonly world: World;
  readonly people: PeopleControl;
  readonly facts: () => InstallationFacts;
  readonly settings: GatewaySettings;
  readonly recordingFiles: RecordingFiles;
  readonly web: Pick<WebDeskOptions, 'routes' | 'passes' | 'servers'>;
  readonly clock: Clock;
  /** The port is another one than before: rules may have to follow. */
  readonly onListening: () => void;
}

export type FoundDestination =
  | { readonly kind: 'server'; readonly place: EnterablePlace; readonly port: number }
  | { readonly kind: 'listed'; readonly address: string; readonly port: number };

export interface GatewayReport {
  readonly credential: string;
  readonly deed: string;
  readonly server: { readonly id: number; readonly generation: string } | undefined;
  readonly allowed: boolean;
  readonly detail: string;
}

export interface GatewayControl {
  readonly callers: GatewayCallers;
  readonly live: LiveSessions;
  readonly recordings: Recordings;
  readonly web: WebDesk;
  readonly terminals: TerminalDesk;
  readonly guests: GuestDesk;
  hostKey(): Promise<KeyPair>;
  /** Undefined: the key would do. */
  signInByKey(offer: KeyOffer): Promise<SignedInAtGateway | undefined>;
  signInByPassword(person: string, password: Secret, fromAddress: string): Promise<SignedInAtGateway>;
  signInFailed(person: string | undefined, fromAddress: string, tries: number): Promise<void>;
  /** Throws `no-such-server`, `not-allowed`, `wrong-state`. */
  place(credential: string, server: string): Promise<EnterablePlace>;
  /** Throws the same, and `not-allowed` for whatever is no server of ours and on no list. The refusal is in the audit. */
  destination(credential: string, host: string, port: number): Promise<FoundDestination>;
  /** The gateway's word about where it takes people in. It stands while no gateway is there: that is to pass. */
  listensAt(port: number): Promise<void>;
  /** Where servers' pages are served; undefined: nowhere. It stands while no gateway is there. */
  servesWebAt(ports: WebPorts | undefined): void;
  webPorts(): WebPorts | undefined;
  /** What people need to come in by it; undefined while no gateway has said that it listens. */
  bastion(): Bastion | undefined;
  sign(credential: string, generation: string, signedData: Buffer): Promise<Buffer>;
  report(lines: readonly GatewayReport[]): Promise<void>;
}

export async function makeGatewayControl(options: GatewayControlOptions): Promise<GatewayControl> {
  const { store, clock, people, settings } = options;
  const credentials = await makeCredentials(store.keyring, () => clock.now());
  const callers = makeGatewayCallers({ store, credentials, clock, authorities: settings.authorities });
  const desk = makeDesk(options, callers);
  const guests = makeGuestDesk({ ...options, credentials });
  const usedSessions = makeUsedSessions();
  let bastion: Bastion | undefined;
  let webPorts: WebPorts | undefined;

  return {
    callers,
    live: makeLiveSessions({ ...options, callers, guests, destinations: settings.destinations }),
    recordings: makeRecordings(options),
    terminals: makeTerminalDesk({ access: options.access, credentials, clock }),
    guests,
    web: makeWebDesk({ store, clock, signIn: people.signIn, ...options.web }),
    hostKey: async () => await bastionHostKey(store.keyring),
    signInByKey: async (offer) =>
      await signInByKey({ store, signIn: people.signIn, credentials, usedSessions, clock, authorities: settings.authorities }, offer),
    async signInByPassword(name, password, fromAddress) {
      const { actor, passwordMustChange } = await people.signIn.byPassword(name, password, { via: 'ssh', fromAddress });
      const hash = await store.people.passwordHash(actor.name);
      if (hash === undefined) throw fault('wrong-password', 'the password was taken away at this very moment; sign in again');
      const proof = { kind: 'password', tag: passwordTag(hash) } as const;
      const credential = credentials.issue({ person: actor.name, fromAddress, proof, sinceMs: clock.now() });
      return { credential, person: actor.name, passwordMustChange, permits: undefined };
    },
    signInFailed: async (person, fromAddress, tries) =>
      await people.signIn.byKey.failed(
        person ?? '',
        { via: 'ssh', fromAddress },
        `${tries} ${tries === 1 ? 'key' : 'keys'} shown, none that does`,
      ),
    place: async (credential, server) => await desk.place(credential, parseServerReference(server)),
    destination: async (credential, host, port) => await desk.destination(credential, host, port),
    async listensAt(port) {
      if (bastion?.port === port) return;
      bastion = { host: options.facts().publicHost, port, hostKeys: [(await bastionHostKey(store.keyring)).publicKey] };
      options.onListening();
    },
    servesWebAt(ports) {
      if (isDeepStrictEqual(ports, webPorts)) return;
      webPorts = ports;
      options.onListening();
    },
    webPorts: () => webPorts,
    bastion: () => bastion,
    sign: async (credential, generation, signedData) => await desk.sign(credential, generation, signedData),
    report: async (lines) => await report(store, credentials, lines),
  };
}

function makeDesk({ store, access, world, facts, settings }: GatewayControlOptions, callers: GatewayCallers) {
  async function admit(credential: string): Promise<GatewayCaller> {
    const found = await callers.admit(credential);
    if (found.passwordMustChange)
      throw fault(
        'password-expired',
        'your password is a one-time password and must be changed first: sign in to the lobby and type "password"',
      );
    return found;
  }

  /** What names a server that is there is in the audit already, by `access`. */
  async function noteRefusal({ actor, fromAddress }: GatewayCaller['caller'], deed: string, detail: string): Promise<void> {
    await store.audit.append({ person: actor.name, via: 'ssh', fromAddress, deed, server: undefined, allowed: false, detail });
  }

  /** Whoever may not know of a server that has a name learns what they would of a name that nobody has. */
  async function idOf(server: ServerReference, caller: GatewayCaller['caller']): Promise<ServerId> {
    if (server.kind === 'id') return server.id;
    const record = await store.servers.byName(server.name);
    const right = record === undefined ? 'none' : (await access.judge(caller))(record);
    if (record === undefined || right === 'none') {
      await noteRefusal(caller, 'enter', `no server named "${server.name}" for this person`);
      throw fault('no-such-server', `there is no server named "${server.name}" that you could use; "list" shows yours`);
    }
    return record.id;
  }

  async function enterable(caller: GatewayCaller['caller'], server: ServerReference): Promise<EnterablePlace> {
    const id = await idOf(server, caller);
    if ((await store.servers.get(id)) === undefined) await noteRefusal(caller, 'enter', `no server ${id}`);
    const { record } = await access.require(caller, id, 'enter');
    return await placeOf({ store, world, facts }, record);
  }

  return {
    place: async (credential: string, server: ServerReference) => await enterable((await admit(credential)).caller, server),

    async destination(credential: string, host: string, port: number): Promise<FoundDestination> {
      const { caller } = await admit(credential);
      const listed = listedFor(settings.destinations, caller.actor, host, port);
      if (listed !== undefined) return { kind: 'listed', ...listed };
      const found = parseDestination(host, port, facts());
      if (found.kind === 'other') {
        await noteRefusal(caller, 'ssh-forward', `to ${host}:${port}`.slice(0, 300));
        throw fault('not-allowed', `${host}:${port} is none of your servers, and nothing else is reached through here`);
      }
      return { kind: 'server', place: await enterable(caller, found.server), port: found.port };
    },

    async sign(credential: string, generation: string, signedData: Buffer): Promise<Buffer> {
      const { caller } = await admit(credential);
      const record = await store.servers.byGeneration(parseGeneration(generation));
      if (record === undefined) throw fault('no-such-server', 'that server is gone');
      await access.require(caller, record.id, 'enter');
      return await signAsGateway(store, record, signedData);
    },
  };
}

/** Who did it is taken from the credential, never from the gateway's word; it may be one that counts no more: then it was why the session ended. */
async function report(store: Store, credentials: Credentials, lines: readonly GatewayReport[]): Promise<void> {
  for (const { credential, deed, server, allowed, detail } of lines) {
    const statement = credentials.read(credential);
    if (statement === undefined) continue;
    const { person, fromAddress } = statement;
    const at = server === undefined ? undefined : { id: parseServerId(server.id), generation: parseGeneration(server.generation) };
    const who = person === '' ? undefined : parsePersonName(person);
    await store.audit.append({ person: who, via: 'ssh', fromAddress, deed, server: at, allowed, detail });
  }
}
