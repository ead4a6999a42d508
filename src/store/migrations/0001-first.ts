/** The first shape: generations, host keys by owner and ID, and the installation's own ID are in it from the start. */
import { sql, type Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await people(db);
  await servers(db);
  await grants(db);
  await keys(db);
  await records(db);
}

async function people(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('people')
    .addColumn('name', 'text', (c) => c.primaryKey().notNull())
    .addColumn('role', 'text', (c) => c.notNull().check(sql`role in ('user', 'staff', 'administrator')`))
    .addColumn('password_hash', 'text')
    .addColumn('password_must_change', 'integer', (c) => c.notNull())
    .addColumn('can_create', 'integer', (c) => c.notNull())
    .addColumn('quota_servers', 'bigint')
    .addColumn('quota_cpus', 'bigint')
    .addColumn('quota_memory_bytes', 'bigint')
    .addColumn('quota_disk_bytes', 'bigint')
    .addColumn('disabled', 'integer', (c) => c.notNull())
    .addColumn('created_ms', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema
    .createTable('person_keys')
    .addColumn('person', 'text', (c) => c.notNull().references('people.name').onDelete('cascade'))
    .addColumn('fingerprint', 'text', (c) => c.notNull())
    .addColumn('algorithm', 'text', (c) => c.notNull())
    .addColumn('blob', 'text', (c) => c.notNull())
    .addColumn('comment', 'text', (c) => c.notNull())
    .addColumn('added_ms', 'bigint', (c) => c.notNull())
    .addColumn('number', 'bigint', (c) => c.notNull().unique())
    .addPrimaryKeyConstraint('person_keys_pk', ['person', 'fingerprint'])
    .execute();
  await db.schema.createIndex('person_keys_fingerprint').on('person_keys').column('fingerprint').execute();
  await db.schema
    .createTable('person_groups')
    .addColumn('name', 'text', (c) => c.primaryKey().notNull())
    .addColumn('description', 'text', (c) => c.notNull())
    .addColumn('created_ms', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema
    .createTable('memberships')
    .addColumn('person_group', 'text', (c) => c.notNull().references('person_groups.name').onDelete('cascade'))
    .addColumn('person', 'text', (c) => c.notNull().references('people.name').onDelete('cascade'))
    .addColumn('is_leader', 'integer', (c) => c.notNull())
    .addPrimaryKeyConstraint('memberships_pk', ['person_group', 'person'])
    .execute();
  await db.schema.createIndex('memberships_person').on('memberships').column('person').execute();
}

/** The primary key on `id` is what keeps two creates from sharing one. A person who owns servers cannot be deleted: no cascade. */
async function servers(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('servers')
    .addColumn('id', 'integer', (c) => c.primaryKey().notNull())
    .addColumn('generation', 'text', (c) => c.notNull().unique())
    .addColumn('owner', 'text', (c) => c.notNull().references('people.name'))
    .addColumn('admin', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.unique())
    .addColumn('system', 'text', (c) => c.notNull())
    .addColumn('type', 'text', (c) => c.notNull())
    .addColumn('memory_bytes', 'bigint', (c) => c.notNull())
    .addColumn('cpus', 'bigint', (c) => c.notNull())
    .addColumn('disk_bytes', 'bigint', (c) => c.notNull())
    .addColumn('notes', 'text', (c) => c.notNull())
    .addColumn('wanted', 'text', (c) => c.notNull().check(sql`wanted in ('creating', 'running', 'stopped', 'dropping')`))
    .addColumn('problem', 'text')
    .addColumn('gateway_key', 'integer', (c) => c.notNull())
    .addColumn('image_fingerprint', 'text')
    .addColumn('created_ms', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('servers_owner').on('servers').column('owner').execute();
}

async function grants(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('grants')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('number', 'bigint', (c) => c.notNull().unique())
    .addColumn('subject', 'text', (c) => c.notNull())
    .addColumn('target', 'text', (c) => c.notNull())
    .addColumn('subject_person', 'text', (c) => c.references('people.name').onDelete('cascade'))
    .addColumn('subject_group', 'text', (c) => c.references('person_groups.name').onDelete('cascade'))
    .addColumn('target_generation', 'text', (c) => c.references('servers.generation').onDelete('cascade'))
    .addColumn('target_group', 'text', (c) => c.references('person_groups.name').onDelete('cascade'))
    .addColumn('granted_right', 'text', (c) => c.notNull().check(sql`granted_right in ('none', 'list', 'read', 'write', 'control', 'all')`))
    .addColumn('granted_by', 'text')
    .addColumn('expires_ms', 'bigint')
    .addColumn('created_ms', 'bigint', (c) => c.notNull())
    .addUniqueConstraint('grants_subject_target', ['subject', 'target'])
    .execute();
  for (const column of ['subject_person', 'subject_group', 'target_generation', 'target_group']) {
    await db.schema.createIndex(`grants_${column}`).on('grants').column(column).execute();
  }
}

/** One host key that holds for each ID; its owner must be a person, so that a removed one's key is revoked first, never inherited by name. */
async function keys(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('host_keys')
    .addColumn('id', 'integer', (c) => c.primaryKey().notNull())
    .addColumn('owner', 'text', (c) => c.notNull().references('people.name'))
    .addColumn('private_key', 'text', (c) => c.notNull())
    .addColumn('public_key', 'text', (c) => c.notNull())
    .addColumn('created_ms', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('host_keys_owner').on('host_keys').column('owner').execute();
  await db.schema
    .createTable('revoked_host_keys')
    .addColumn('public_key', 'text', (c) => c.primaryKey().notNull())
    .addColumn('at_ms', 'bigint', (c) => c.notNull())
    .addColumn('number', 'bigint', (c) => c.notNull().unique())
    .execute();
  await db.schema
    .createTable('keyring')
    .addColumn('name', 'text', (c) => c.primaryKey().notNull())
    .addColumn('private_key', 'text', (c) => c.notNull())
    .addColumn('public_key', 'text', (c) => c.notNull())
    .addColumn('created_ms', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema
    .createTable('tokens')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('number', 'bigint', (c) => c.notNull().unique())
    .addColumn('person', 'text', (c) => c.notNull().references('people.name').onDelete('cascade'))
    .addColumn('secret_hash', 'text', (c) => c.notNull().unique())
    .addColumn('label', 'text', (c) => c.notNull())
    .addColumn('created_ms', 'bigint', (c) => c.notNull())
    .addColumn('expires_ms', 'bigint', (c) => c.notNull())
    .addColumn('last_used_ms', 'bigint')
    .addColumn('revoked', 'integer', (c) => c.notNull())
    .execute();
  await db.schema.createIndex('tokens_person').on('tokens').column('person').execute();
}

/** Names and IDs in here are history: no references, so that they stay when the person or the server goes. */
async function records(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('operations')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('number', 'bigint', (c) => c.notNull().unique())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('person', 'text')
    .addColumn('server_id', 'integer')
    .addColumn('generation', 'text')
    .addColumn('subject', 'text', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull().check(sql`state in ('pending', 'running', 'done', 'failed', 'cancelled')`))
    .addColumn('step', 'text', (c) => c.notNull())
    .addColumn('fraction_millionths', 'integer', (c) => c.notNull())
    .addColumn('error_code', 'text')
    .addColumn('error_message', 'text')
    .addColumn('params', 'text', (c) => c.notNull())
    .addColumn('result', 'text', (c) => c.notNull())
    .addColumn('created_ms', 'bigint', (c) => c.notNull())
    .addColumn('started_ms', 'bigint')
    .addColumn('ended_ms', 'bigint')
    .execute();
  for (const column of ['state', 'person', 'generation']) {
    await db.schema.createIndex(`operations_${column}`).on('operations').columns([column, 'number']).execute();
  }
  await db.schema
    .createTable('idempotency')
    .addColumn('person', 'text', (c) => c.notNull())
    .addColumn('key', 'text', (c) => c.notNull())
    .addColumn('request_hash', 'text', (c) => c.notNull())
    .addColumn('operation_ids', 'text', (c) => c.notNull())
    .addColumn('expires_ms', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('idempotency_pk', ['person', 'key'])
    .execute();
  await db.schema
    .createTable('audit')
    .addColumn('number', 'bigint', (c) => c.primaryKey().notNull())
    .addColumn('at_ms', 'bigint', (c) => c.notNull())
    .addColumn('person', 'text')
    .addColumn('via', 'text', (c) => c.notNull())
    .addColumn('from_address', 'text')
    .addColumn('deed', 'text', (c) => c.notNull())
    .addColumn('server_id', 'integer')
    .addColumn('generation', 'text')
    .addColumn('allowed', 'integer', (c) => c.notNull())
    .addColumn('detail', 'text', (c) => c.notNull())
    .execute();
  for (const column of ['person', 'server_id', 'generation', 'deed']) {
    await db.schema.createIndex(`audit_${column}`).on('audit').columns([column, 'number']).execute();
  }
}
