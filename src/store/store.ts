/**
 * The store: the truth about people and servers. This is its interface, asynchronous and free of any database's dialect; `open.ts` makes one.
 *
 * Every call is one transaction, durable when its promise resolves. Where several changes must come true together (a wanted state, its operation and
 * its audit line), use `atomically`. Errors beside those each call names: `store-full` (no room on the disk; nothing of that call was written) and
 * `store-failed` (the disk or the file is broken).
 */
import type { Grants, Groups, People, PersonKeys } from './people.ts';
import type { Audit, Idempotency, Keyring, Operations, Tokens, UsageHistory } from './records.ts';
import type { WebDomains, WebLinks } from './web.ts';
import type { HostKeys, Leases, Servers } from './servers.ts';

export interface Tables {
  readonly people: People;
  readonly personKeys: PersonKeys;
  readonly groups: Groups;
  readonly grants: Grants;
  readonly leases: Leases;
  readonly servers: Servers;
  readonly hostKeys: HostKeys;
  readonly operations: Operations;
  readonly idempotency: Idempotency;
  readonly audit: Audit;
  readonly tokens: Tokens;
  readonly webLinks: WebLinks;
  readonly webDomains: WebDomains;
  readonly keyring: Keyring;
  readonly usage: UsageHistory;
}

export interface BackupOptions {
  /** A plain file that is there already. */
  readonly replaces?: boolean;
}

export interface Store extends Tables, AsyncDisposable {
  /** A UUID made with the store and never changed: an engine whose servers carry another one is not ours to reconcile. */
  readonly installation: string;
  readonly schemaVersion: number;
  /**
   * All that `work` does through the tables it is handed comes true at once, or, when it throws, not at all. Others wait meanwhile: do nothing slow in
   * it, and call nothing of the store itself in it (that throws `internal`, because it would wait for its own end).
   */
  atomically<T>(work: (tables: Tables) => Promise<T>): Promise<T>;
  /**
   * An online copy into a file, readable by its owner only. A failed one leaves nothing behind, and the former file whole.
   * Throws `conflict` when there is a file already that is not to be replaced, `bad-request` where none can be written.
   */
  backup(path: string, options?: BackupOptions): Promise<void>;
  /** Waits for what is under way, then closes. Repeatable. */
  [Symbol.asyncDispose](): Promise<void>;
}
