/**
 * The tables as the newest migration leaves them. Columns are text, integer or bigint only, so that one set of migrations and queries serves every
 * database: yes and no are 1 and 0, structures are JSON in text, fractions are millionths. `number` columns count rows in the order they came.
 */
import type { Kysely } from 'kysely';

type Bit = 0 | 1;

interface MetaTable {
  key: string;
  value: string;
}

interface PeopleTable {
  name: string;
  role: string;
  password_hash: string | null;
  password_must_change: Bit;
  can_create: Bit;
  quota_servers: number | null;
  quota_cpus: number | null;
  quota_memory_bytes: number | null;
  quota_disk_bytes: number | null;
  disabled: Bit;
  created_ms: number;
}

interface PersonKeysTable {
  person: string;
  fingerprint: string;
  algorithm: string;
  blob: string;
  comment: string;
  added_ms: number;
  number: number;
}

interface PersonGroupsTable {
  name: string;
  description: string;
  created_ms: number;
}

interface MembershipsTable {
  person_group: string;
  person: string;
  is_leader: Bit;
}

interface GrantsTable {
  id: string;
  number: number;
  /** `person:NAME`, `group:NAME`; with `target` the key that a null cannot be. The columns below say it again, as references that make it vanish. */
  subject: string;
  /** `server:GENERATION`, `group:NAME`, `all`. */
  target: string;
  subject_person: string | null;
  subject_group: string | null;
  target_generation: string | null;
  target_group: string | null;
  granted_right: string;
  granted_by: string | null;
  expires_ms: number | null;
  created_ms: number;
}

interface ServersTable {
  id: number;
  generation: string;
  owner: string;
  admin: string;
  name: string | null;
  system: string;
  type: string;
  memory_bytes: number;
  cpus: number;
  disk_bytes: number;
  notes: string;
  wanted: string;
  problem: string | null;
  gateway_key: Bit;
  recorded: Bit;
  /** JSON. */
  ports: string;
  repair: string;
  image_fingerprint: string | null;
  created_ms: number;
}

interface HostKeysTable {
  id: number;
  owner: string;
  private_key: string;
  public_key: string;
  created_ms: number;
}

interface RevokedHostKeysTable {
  public_key: string;
  at_ms: number;
  number: number;
}

interface WebLinksTable {
  id: string;
  generation: string;
  door: string;
  key_hash: string;
  created_by: string | null;
  created_ms: number;
  expires_ms: number;
}

interface WebDomainsTable {
  name: string;
  generation: string;
  door: string;
  token: string;
  proven_name: string | null;
  created_by: string | null;
  created_ms: number;
}

interface KeyringTable {
  name: string;
  private_key: string;
  public_key: string;
  created_ms: number;
}

interface TokensTable {
  id: string;
  number: number;
  person: string;
  secret_hash: string;
  label: string;
  created_ms: number;
  expires_ms: number;
  last_used_ms: number | null;
  revoked: Bit;
  /** Hex SHA-256 of the secret before, and until when it is good. */
  former_hash: string | null;
  former_until_ms: number | null;
  /** Null in rows of before: it is what lies between the two times. */
  lifetime_ms: number | null;
}

interface OperationsTable {
  id: string;
  number: number;
  kind: string;
  person: string | null;
  server_id: number | null;
  generation: string | null;
  subject: string;
  state: string;
  step: string;
  fraction_millionths: number;
  error_code: string | null;
  error_message: string | null;
  params: string;
  result: string;
  created_ms: number;
  started_ms: number | null;
  ended_ms: number | null;
}

interface IdempotencyTable {
  /** Empty for root: part of the key, so never null. */
  person: string;
  key: string;
  request_hash: string;
  operation_ids: string;
  expires_ms: number;
}

interface AuditTable {
  number: number;
  at_ms: number;
  person: string | null;
  via: string;
  from_address: string | null;
  deed: string;
  server_id: number | null;
  generation: string | null;
  allowed: Bit;
  detail: string;
}

interface UsageTable {
  generation: string;
  at_ms: number;
  memory_bytes: number;
  disk_bytes: number | null;
  cpu_ms: number;
  received_bytes: number;
  sent_bytes: number;
}

export interface Schema {
  usage: UsageTable;
  web_links: WebLinksTable;
  web_domains: WebDomainsTable;
  meta: MetaTable;
  people: PeopleTable;
  person_keys: PersonKeysTable;
  person_groups: PersonGroupsTable;
  memberships: MembershipsTable;
  grants: GrantsTable;
  servers: ServersTable;
  host_keys: HostKeysTable;
  revoked_host_keys: RevokedHostKeysTable;
  keyring: KeyringTable;
  tokens: TokensTable;
  operations: OperationsTable;
  idempotency: IdempotencyTable;
  audit: AuditTable;
}

/** A connection, or a transaction in it. */
export type Database = Kysely<Schema>;
