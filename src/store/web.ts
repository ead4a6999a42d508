/** What the web has beside servers themselves: links that let visitors in, and domains that servers have of their own. Both go with their server. */
import type { DomainName } from '../core/domain-name.ts';
import type { Generation } from '../core/ids.ts';
import type { PersonName } from '../core/names.ts';

export interface WebLink {
  /** A UUID. */
  readonly id: string;
  readonly generation: Generation;
  readonly door: string;
  /** Undefined: root. The name stays when that person goes. */
  readonly createdBy: PersonName | undefined;
  readonly createdMs: number;
  readonly expiresMs: number;
}

export interface WebLinks {
  /** `keyHash`: what is in the link itself is not kept. Throws `no-such-server`. */
  add(link: Omit<WebLink, 'id' | 'createdMs'> & { readonly keyHash: string }): Promise<WebLink>;
  /** Oldest first, those that have run out too. */
  list(): Promise<readonly WebLink[]>;
  byKeyHash(keyHash: string): Promise<WebLink | undefined>;
  /** Says whether there was one. */
  remove(id: string): Promise<boolean>;
  /** Those that ran out before. */
  prune(beforeMs: number): Promise<void>;
}

export interface WebDomain {
  readonly name: DomainName;
  readonly generation: Generation;
  readonly door: string;
  /** What the name's zone has to say. */
  readonly token: string;
  readonly isProven: boolean;
  readonly createdBy: PersonName | undefined;
  readonly createdMs: number;
}

export interface WebDomains {
  /** One server has a name once: put again, it has the new door, and keeps token and proof. Throws `no-such-server`. */
  put(domain: Omit<WebDomain, 'isProven' | 'createdMs'>): Promise<WebDomain>;
  /** In order of name, then age. */
  list(): Promise<readonly WebDomain[]>;
  /** From now on it is this server's alone. Throws `name-taken` when it is another's, `not-found`. */
  prove(name: DomainName, generation: Generation): Promise<WebDomain>;
  /** Says whether there was one. */
  remove(name: DomainName, generation: Generation): Promise<boolean>;
  /** Those that nobody has proven since. */
  prune(unprovenBeforeMs: number): Promise<void>;
}
