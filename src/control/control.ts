/**
 * Control's verbs: what every door (REST, later SSH and the portal) calls, one call a verb. Each decides by `core/access`, writes one audit line, and
 * speaks in domain types; doors translate to their own words.
 *
 * Any call may throw `not-allowed`, and for a server that the caller may not even see, `no-such-server`.
 */
import type { Right } from '../core/access.ts';
import type { Finding } from '../core/finding.ts';
import type { Generation, ServerId } from '../core/ids.ts';
import type { RecordingPolicy } from '../core/recording.ts';
import type { Limits, SeenState } from '../core/server.ts';
import type { Plan } from '../core/plan.ts';
import type { WebOrigins } from '../core/web-origins.ts';
import type { UsagePoint } from '../core/usage-rates.ts';
import type { ImageSeen, Usage } from '../engines/engine.ts';
import type { Operation } from '../store/records.ts';
import type { ServerRecord } from '../store/servers.ts';
import type { Caller } from './caller.ts';
import type { DomainVerbs } from './web/domains.ts';
import type { LinkVerbs } from './web/links.ts';
import type { WebRoutes } from './web/web-routes.ts';

/** A server as one caller may see it. */
export interface ShownServer {
  readonly record: ServerRecord;
  readonly seen: SeenState;
  readonly right: Right;
}

export interface ShownDetail extends ShownServer {
  /** One OpenSSH line; undefined until it has been made. */
  readonly hostKey: string | undefined;
  /** Undefined when it does not run or the engine does not say. */
  readonly usage: Usage | undefined;
}

export interface OneTimePassword {
  readonly id: ServerId;
  readonly user: string;
  /** Plain text, on its way to the person: kept nowhere. */
  readonly password: string;
}

/** Text as it came in; parsed by `create`. */
export interface CreateRequest {
  readonly id?: number;
  readonly count?: number;
  readonly system?: string;
  readonly type?: string;
  readonly diskBytes?: number;
  readonly memoryBytes?: number;
  readonly cpus?: number;
  readonly owner?: string;
  /** `count` servers for each of them, all or none. */
  readonly owners?: readonly string[];
  /** The same for each member of a group. */
  readonly group?: string;
  readonly admin?: string;
  readonly name?: string;
  readonly notes?: string;
  readonly keys?: readonly string[];
  readonly start?: boolean;
}

export interface Created {
  readonly servers: readonly ShownServer[];
  readonly operations: readonly Operation[];
  /** Empty for a replay. */
  readonly passwords: readonly OneTimePassword[];
}

export interface ChangeRequest extends Partial<Limits> {
  readonly notes?: string;
  /** Null takes it away. */
  readonly name?: string | null;
  /** Whether terminal sessions are recorded. */
  readonly record?: boolean;
  /** Policies by name of port; `default` takes the server's own word away. */
  readonly ports?: Readonly<Record<string, string>>;
  /** How pages are repaired, by name of port. */
  readonly repair?: Readonly<Record<string, string>>;
}

export interface ServerVerbs {
  list(caller: Caller, filter: { readonly owner?: string }): Promise<readonly ShownServer[]>;
  get(caller: Caller, id: number): Promise<ShownDetail>;
  /** A day of what it used, the oldest first. */
  usage(caller: Caller, id: number): Promise<readonly UsagePoint[]>;
  /** Leases IDs and begins; the work goes on as operations. `idempotencyKey`: the same key and request gives the first answer without passwords. */
  create(caller: Caller, request: CreateRequest, idempotencyKey?: string): Promise<Created>;
  change(caller: Caller, id: number, change: ChangeRequest): Promise<{ readonly server: ShownServer; readonly needsRestart: boolean }>;
  start(caller: Caller, id: number): Promise<Operation>;
  stop(caller: Caller, id: number): Promise<Operation>;
  kill(caller: Caller, id: number): Promise<Operation>;
  restart(caller: Caller, id: number): Promise<Operation>;
  /** With a generation: refused with `conflict` when the ID has another one by now. */
  drop(caller: Caller, id: number, generation?: Generation): Promise<Operation>;
  /** For the admin inside unless a user is named. The server must run. */
  password(caller: Caller, id: number, user?: string): Promise<OneTimePassword>;
  setGatewayKey(caller: Caller, id: number, isThere: boolean): Promise<void>;
  /** Adds lines to the admin's authorized_keys of a server, running or stopped; those there already are left alone. */
  pushKeys(caller: Caller, id: number, lines: readonly string[]): Promise<void>;
}

export interface ShownImage extends ImageSeen {
  readonly origin: 'built' | 'imported';
  readonly isCurrent: boolean;
}

export interface ImageVerbs {
  list(
    caller: Caller,
  ): Promise<{ readonly images: readonly ShownImage[]; readonly buildable: readonly { readonly system: string; readonly type: string }[] }>;
  /** An image that is current is not built again unless told: then the operation is done at once. */
  build(caller: Caller, request: { readonly system: string; readonly type: string; readonly evenIfCurrent?: boolean }): Promise<Operation>;
  import(
    caller: Caller,
    request: { readonly system: string; readonly type: string } & (
      | { readonly remote: string }
      | { readonly metadataPath: string; readonly rootfsPath: string }
    ),
  ): Promise<Operation>;
  remove(caller: Caller, system: string, type: string): Promise<void>;
}

export interface OperationVerbs {
  list(caller: Caller, filter: { readonly limit?: number; readonly state?: string }): Promise<readonly Operation[]>;
  get(caller: Caller, id: string): Promise<Operation>;
  /** Resolves when it has ended or `waitMs` is over or the signal fires, whichever is first. */
  wait(caller: Caller, id: string, waitMs: number, signal?: AbortSignal): Promise<Operation>;
  /** Asks it to undo itself and end. Throws `wrong-state` when it has ended or can no longer be undone. */
  cancel(caller: Caller, id: string): Promise<Operation>;
}

export type FindingAction = 'mend' | 'adopt' | 'discard';

/** A finding of doctor with what can be done about it here. `id` is stable while it stands. */
export interface Diagnosis extends Finding {
  readonly id: string;
  readonly actions: readonly FindingAction[];
}

export interface DoctorVerbs {
  examine(caller: Caller): Promise<readonly Diagnosis[]>;
  /** What was done, as a sentence. Throws `no-such-finding` when it does not stand (any more). */
  treat(caller: Caller, id: string, action: FindingAction, options: { readonly owner?: string }): Promise<string>;
  checkPlan(caller: Caller): Promise<readonly Diagnosis[]>;
}

/** What happened, to everybody who listens; who may hear of it is decided for each listener when it is delivered. */
export type ControlEvent =
  | { readonly kind: 'server'; readonly id: ServerId; readonly generation: Generation }
  | { readonly kind: 'server-gone'; readonly record: ServerRecord }
  | { readonly kind: 'operation'; readonly operation: Operation };

export interface Events {
  /** Calls back synchronously with each event from now on, numbered from 1 up without gaps; with `after`, first with those since that number that are
   * still remembered. Returns false for `complete` when some were forgotten. */
  readonly subscribe: (
    onEvent: (number: number, event: ControlEvent) => void,
    after?: number,
  ) => { readonly complete: boolean; readonly unsubscribe: () => void };
}

export interface EventVerbs {
  /** The server of an event as this caller may see it, undefined when they may not (or it is gone). */
  show(caller: Caller, id: ServerId): Promise<ShownServer | undefined>;
  maySee(caller: Caller, event: ControlEvent): Promise<boolean>;
}

export interface BackupVerbs {
  /** `path` is absolute. For root alone. Throws what `Store.backup` throws. */
  write(caller: Caller, path: string, options: { readonly replaces: boolean }): Promise<void>;
}

/** Everything about this installation that doors show. */
export interface InstallationFacts {
  readonly version: string;
  readonly plan: Plan;
  /** The name or address that people use. */
  readonly publicHost: string;
  /** Asked at each view: the gateway comes and goes, and its keys are its own. */
  readonly bastion: () => Bastion | undefined;
  /** Where servers' pages are; undefined while nothing serves them. */
  readonly web: () => WebOrigins | undefined;
  /** By an authority of the host's own. */
  readonly isSelfCertified: () => boolean;
  readonly recording: RecordingPolicy;
}

/** The gateway's SSH server, as people reach it. */
export interface Bastion {
  readonly host: string;
  readonly port: number;
  /** OpenSSH public keys; comments are not shown. */
  readonly hostKeys: readonly string[];
}

export interface ServerControl {
  readonly facts: InstallationFacts;
  /** What the web's front is to serve. */
  readonly web: WebRoutes;
  readonly servers: ServerVerbs;
  readonly links: LinkVerbs;
  readonly domains: DomainVerbs;
  readonly images: ImageVerbs;
  readonly operations: OperationVerbs;
  readonly doctor: DoctorVerbs;
  readonly backup: BackupVerbs;
  readonly events: Events & EventVerbs;
}
