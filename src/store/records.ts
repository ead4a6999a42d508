/** Operations, idempotency, the audit, tokens and the installation's own keys, as the store keeps them. */
import type { Secret } from '../base/secret.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { Generation, ServerId } from '../core/ids.ts';
import type { UsageCounts } from '../core/usage-rates.ts';
import type { PersonName } from '../core/names.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export type OperationKind =
  | 'create'
  | 'start'
  | 'stop'
  | 'kill'
  | 'restart'
  | 'drop'
  | 'set'
  | 'password'
  | 'image-build'
  | 'image-import'
  | 'image-remove'
  | 'mend';

export type OperationState = 'pending' | 'running' | 'done' | 'failed' | 'cancelled';

export interface Operation {
  /** A UUID. */
  readonly id: string;
  readonly kind: OperationKind;
  /** Who it belongs to; undefined: root. */
  readonly person: PersonName | undefined;
  readonly server: { readonly id: ServerId; readonly generation: Generation } | undefined;
  /** What it is about, in words: `server 123`, `image debian12/web`. */
  readonly subject: string;
  readonly state: OperationState;
  /** What it is at now, in words. */
  readonly step: string;
  /** 0..1 */
  readonly fraction: number;
  readonly error: { readonly code: ErrorCode; readonly message: string } | undefined;
  /** Never secrets, in neither: they are kept and shown. */
  readonly params: Json;
  readonly result: Json;
  readonly createdMs: number;
  readonly startedMs: number | undefined;
  readonly endedMs: number | undefined;
}

export type NewOperation = Pick<Operation, 'kind' | 'person' | 'server' | 'subject' | 'params'>;

export type OperationOutcome =
  | { readonly state: 'done'; readonly result: Json }
  | { readonly state: 'failed' | 'cancelled'; readonly error: { readonly code: ErrorCode; readonly message: string } };

export interface OperationFilter {
  readonly person?: PersonName;
  readonly generation?: Generation;
  readonly kind?: OperationKind;
  readonly states?: readonly OperationState[];
  /** The newest so many; 100 unless told. */
  readonly limit?: number;
}

export interface Operations {
  /** `pending`. */
  add(operation: NewOperation): Promise<Operation>;
  get(id: string): Promise<Operation | undefined>;
  /** Newest first. */
  list(filter?: OperationFilter): Promise<readonly Operation[]>;
  /** Everything pending or running, oldest first: what to take up again after a restart. */
  unfinished(): Promise<readonly Operation[]>;
  /** To `running`; again after a restart, keeping the first start's time. False when it has ended. */
  start(id: string): Promise<boolean>;
  /** False when it has ended. */
  progress(id: string, at: { readonly step: string; readonly fraction: number }): Promise<boolean>;
  /** The first end holds: false, and nothing changed, when it had ended before. */
  finish(id: string, outcome: OperationOutcome): Promise<boolean>;
  /** Removes those that ended before; says how many. */
  prune(endedBeforeMs: number): Promise<number>;
}

/** A request with a key is done once for each person and key, however often it is sent. Root's are kept under `person: undefined`. */
export interface IdempotencyRecord {
  readonly person: PersonName | undefined;
  readonly key: string;
  readonly requestHash: string;
  readonly operationIds: readonly string[];
  readonly expiresMs: number;
}

export interface Idempotency {
  /** Undefined when there is none or it has expired. */
  get(person: PersonName | undefined, key: string): Promise<IdempotencyRecord | undefined>;
  /** For deeds other than `leases.take`, which keeps its own. Throws `key-reused` when an unexpired one exists. */
  put(record: IdempotencyRecord): Promise<void>;
  prune(): Promise<number>;
}

export const auditVias = ['cli', 'rest', 'ssh', 'portal', 'web', 'root', 'control'] as const;
export type AuditVia = (typeof auditVias)[number];

/** Who asks, and by which door. */
export interface AuditOrigin {
  /** Undefined: root, control itself, or nobody known yet. */
  readonly person: PersonName | undefined;
  readonly via: AuditVia;
  readonly fromAddress: string | undefined;
}

export interface AuditLine extends AuditOrigin {
  /** Grows by one with each line. */
  readonly number: number;
  readonly atMs: number;
  /** `create`, `login`, `share-add`... */
  readonly deed: string;
  readonly server: { readonly id: ServerId; readonly generation: Generation } | undefined;
  readonly allowed: boolean;
  /** A sentence or less. Never secrets. */
  readonly detail: string;
}

export interface AuditFilter {
  readonly person?: PersonName;
  readonly serverId?: ServerId;
  readonly generation?: Generation;
  readonly deed?: string;
  readonly allowed?: boolean;
  /** From this instant on. */
  readonly fromMs?: number;
  /** Before this instant. */
  readonly untilMs?: number;
  /** The next page: lines with a smaller number than this. */
  readonly before?: number;
  /** 100 unless told. */
  readonly limit?: number;
}

/** Nothing here changes a line, and only age removes one. */
export interface Audit {
  append(line: Omit<AuditLine, 'number' | 'atMs'>): Promise<void>;
  /** Newest first. */
  list(filter?: AuditFilter): Promise<readonly AuditLine[]>;
  /** Of the oldest `most` lines removes those from before that instant, but never the newest line of all: numbers go on from it. Says how many. */
  prune(beforeMs: number, most: number): Promise<number>;
  /**
   * Where there are more than `kept` lines: of the person who wrote most of the newest removes the oldest, at most `most`, and never the newest line of all.
   * So nobody who makes lines without end drives out other people's. Says how many.
   */
  thin(kept: number, most: number): Promise<number>;
}

/** A token a person signs in with. The secret itself is nowhere: `secretHash` is the hex SHA-256 of it, enough because the secret is long and random. */
export interface Token {
  /** A UUID, shown in lists and used to revoke. */
  readonly id: string;
  readonly person: PersonName;
  readonly label: string;
  readonly createdMs: number;
  readonly expiresMs: number;
  /** From one renewal to the end, without another. */
  readonly lifetimeMs: number;
  readonly lastUsedMs: number | undefined;
  readonly revoked: boolean;
}

export interface Tokens {
  /** Throws `no-such-person`. */
  add(token: {
    readonly person: PersonName;
    readonly secretHash: string;
    readonly label: string;
    readonly expiresMs: number;
  }): Promise<Token>;
  /** The token if it is neither revoked nor expired and its person not disabled; by its former secret, too, while that is good. */
  live(secretHash: string): Promise<Token | undefined>;
  /** Another secret for the same token. The one before is good until `formerUntilMs`. Throws `no-such-token`. */
  renew(id: string, next: { readonly secretHash: string; readonly expiresMs: number; readonly formerUntilMs: number }): Promise<Token>;
  /** The token that lives on and whose former secret, which is good no more, this is: two have copies of it. */
  outlived(secretHash: string): Promise<Token | undefined>;
  /** Notes the use, at most once a minute for each token, so that reading does not become writing. */
  touch(id: string): Promise<void>;
  get(id: string): Promise<Token | undefined>;
  /** Newest first. */
  list(person: PersonName): Promise<readonly Token[]>;
  /** Throws `no-such-token`. */
  revoke(id: string): Promise<void>;
  /** All of a person's (a changed password, a disabled person); says how many were live. */
  revokeAll(person: PersonName): Promise<number>;
  /** Removes expired and revoked ones. */
  prune(): Promise<number>;
}

export interface KeyPair {
  readonly privateKey: Secret;
  readonly publicKey: string;
}

/** Named secrets of the installation itself: `gateway-ssh`, and what an unfinished creation still needs. */
export interface Keyring {
  get(name: string): Promise<KeyPair | undefined>;
  /** Keeps this pair unless the name has one; returns the one that holds. */
  keep(name: string, pair: KeyPair): Promise<KeyPair>;
  /** Puts another in its place. */
  replace(name: string, pair: KeyPair): Promise<void>;
  /** Absent is a success. */
  remove(name: string): Promise<void>;
}

export interface UsageSample extends UsageCounts {
  readonly generation: Generation;
}

export interface UsageHistory {
  /** Of servers that are gone by now nothing is kept. */
  add(samples: readonly UsageSample[]): Promise<void>;
  /** The oldest first. */
  of(generation: Generation, sinceMs: number): Promise<readonly UsageSample[]>;
  /** Gives how many. */
  prune(beforeMs: number): Promise<number>;
}
