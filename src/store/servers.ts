/** Leases of IDs, servers and host keys, as the store keeps them. */
import type { Secret } from '../base/secret.ts';
import type { Generation, ServerId } from '../core/ids.ts';
import type { PersonName, ServerName } from '../core/names.ts';
import type { PortPolicies, RepairChoices } from '../core/port-policy.ts';
import type { Limits, Server, WantedState } from '../core/server.ts';
import type { Quota } from './people.ts';
import type { AuditOrigin, Json, Operation } from './records.ts';

/** A server as the store knows it: all but what the engine sees. */
export interface ServerRecord extends Omit<Server, 'seen'> {
  /** Whether the gateway's own key is among the authorized keys inside. */
  readonly gatewayKey: boolean;
  /** Whether the owner wants terminal sessions recorded. */
  readonly isRecorded: boolean;
  /** What it says of who may come to its ports. */
  readonly ports: PortPolicies;
  /** Of its pages below prefixes, where it is not `auto`. */
  readonly repair: RepairChoices;
  /** Of the image it was unpacked from; undefined until that is known. */
  readonly imageFingerprint: string | undefined;
}

/** Promises the host makes to all servers together. A limit left undefined is not checked. */
export interface Capacity {
  readonly memoryBytes: number | undefined;
  readonly cpus: number | undefined;
  readonly diskBytes: number | undefined;
}

/** Somebody who gets servers. */
export interface Recipient extends Pick<ServerRecord, 'owner' | 'admin'> {
  /** The owner's, the default already put in. Undefined: unlimited. */
  readonly quota: Quota | undefined;
}

export interface TakeRequest extends Pick<ServerRecord, 'system' | 'type' | 'limits' | 'notes' | 'imageFingerprint'> {
  /** 1 or more, who get the lowest IDs in this order. */
  readonly recipients: readonly Recipient[];
  /** For each recipient. All of them or none. 1 or more. */
  readonly count: number;
  /** Undefined: the lowest free one. For more than one server: the first free from here on upwards. */
  readonly wantedId: ServerId | undefined;
  /** The plan's IDs, both ends included. */
  readonly idRange: { readonly first: number; readonly last: number };
  /** IDs whose ports something else on the host holds: passed over, and refused when asked for by number. */
  readonly unusable: ReadonlySet<number>;
  /** Only for one server. */
  readonly name: ServerName | undefined;
  readonly capacity: Capacity;
  /** Of the creating operation, one for each server. Never secrets. */
  readonly params: Json;
  readonly idempotency: { readonly key: string; readonly requestHash: string; readonly expiresMs: number } | undefined;
  /** Who asks, by which door; also who the operation belongs to. */
  readonly origin: AuditOrigin;
}

export interface AdoptRequest extends Pick<ServerRecord, 'id' | 'generation' | 'owner' | 'admin' | 'system' | 'type' | 'limits'> {
  readonly wanted: 'running' | 'stopped';
  readonly origin: AuditOrigin;
}

export interface Lease {
  readonly server: ServerRecord;
  readonly operation: Operation;
}

export type Taken =
  | { readonly kind: 'taken'; readonly leases: readonly Lease[] }
  /** This key made these before: nothing was done now. A server dropped since leaves its operation behind, until pruned. */
  | { readonly kind: 'replayed'; readonly operations: readonly Operation[] };

export interface Leases {
  /**
   * The one place that gives out IDs. In one transaction, all or nothing: the IDs, the servers (wanted `creating`), an operation `create` for each, the
   * idempotency row and an audit line for each.
   * Throws `id-taken`, `id-unusable`, `bad-id` (outside the range), `no-free-id`, `name-taken`, `quota-reached`, `pool-full` (the host's capacity),
   * `key-reused` (same idempotency key, another request), `no-such-person`, `bad-request`.
   */
  take(request: TakeRequest): Promise<Taken>;
  /**
   * Takes in a server that exists on the engine already, with the ID and generation it carries, its wanted state as given; quota and capacity are not
   * asked, and the audit line says `adopt`. Throws `id-taken` when the ID or the generation is leased, `no-such-person`.
   */
  adopt(found: AdoptRequest): Promise<ServerRecord>;
  /** New limits under the same checks. What shrinks is always allowed. Throws `quota-reached`, `pool-full`, `no-such-server`, `wrong-state` (dropping). */
  resize(
    generation: Generation,
    limits: Limits,
    checks: { readonly quota: Quota | undefined; readonly capacity: Capacity },
  ): Promise<ServerRecord>;
  /** What the owner's servers hold together; without an owner, what all hold. */
  used(owner?: PersonName): Promise<Quota>;
  /**
   * The end of a drop, or of a creation that came to nothing: the server, its grants and its lease go; the ID is free. Repeatable: false when it was
   * gone already. Throws `wrong-state` unless the server is wanted `dropping` or `creating`.
   */
  release(generation: Generation): Promise<boolean>;
}

/** A field left out stays as it is; `name: undefined` takes the name away. */
export interface ServerChange {
  readonly notes?: string;
  readonly name?: ServerName | undefined;
  readonly gatewayKey?: boolean;
  readonly isRecorded?: boolean;
  /** All of them: what is not named is as the plan says. */
  readonly ports?: PortPolicies;
  readonly repair?: RepairChoices;
  readonly imageFingerprint?: string;
}

/** Every change throws `no-such-server` when that generation is gone. */
export interface Servers {
  get(id: ServerId): Promise<ServerRecord | undefined>;
  byGeneration(generation: Generation): Promise<ServerRecord | undefined>;
  byName(name: ServerName): Promise<ServerRecord | undefined>;
  /** In order of ID. */
  list(filter?: { readonly owner?: PersonName }): Promise<readonly ServerRecord[]>;
  /** Throws `wrong-state` for anything but `dropping` on a server that is being dropped: there is no way back. */
  setWanted(generation: Generation, wanted: WantedState): Promise<ServerRecord>;
  setProblem(generation: Generation, problem: string | undefined): Promise<void>;
  /** Throws `name-taken`. */
  update(generation: Generation, change: ServerChange): Promise<ServerRecord>;
}

export interface HostKey {
  readonly owner: PersonName;
  readonly id: ServerId;
  /** PEM text as OpenSSH writes it. */
  readonly privateKey: Secret;
  /** One line: algorithm, base64, comment. */
  readonly publicKey: string;
}

export interface RevokedHostKey {
  readonly publicKey: string;
  readonly atMs: number;
}

/** A server's host key belongs to (owner, ID) and outlives a drop, so that the same person's next server with that ID warns nobody. */
export interface HostKeys {
  get(owner: PersonName, id: ServerId): Promise<HostKey | undefined>;
  /**
   * Keeps this key unless the owner has one for that ID already; returns the one that holds, which is the one to install. A key that another owner left
   * behind on the ID goes to the revoked ones. Throws `no-such-server` unless the owner holds the lease of that ID now.
   */
  keep(key: HostKey): Promise<HostKey>;
  /** The public halves of all keys that hold, in order of ID, of dropped servers too. */
  list(): Promise<readonly Omit<HostKey, 'privateKey'>[]>;
  /** Oldest first. */
  revoked(): Promise<readonly RevokedHostKey[]>;
}
