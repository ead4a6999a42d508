/**
 * The shapes on the wire. Sizes are bytes, times ISO 8601 in UTC, absent things null. Names carry `Schema` as values; the types drop it.
 * Text fields are bounded here; what they may say is parsed by `core/`.
 */
import { portPolicies, repairModes } from '../core/port-policy.ts';
import { Type, type Static } from 'typebox';
import { rights, roles } from '../core/access.ts';
import { serverStatuses } from '../core/server.ts';
import { bytes, literals, nullable, text, time } from './schema-parts.ts';

export const RightSchema = literals(...rights);
export const RoleSchema = literals(...roles);
const StatusSchema = literals(...serverStatuses);

export const ProblemSchema = Type.Object(
  {
    error: Type.Object({
      code: Type.String({ description: 'stable code of the catalogue' }),
      message: Type.String({ description: 'one plain sentence: what was asked, what was found, what to do' }),
      details: Type.Optional(Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()]))),
    }),
  },
  { $id: 'Problem' },
);

const PublicPortSchema = Type.Object({
  block: Type.String({ description: 'name of the port block: ssh, www, usr' }),
  protocol: literals('tcp', 'udp'),
  publicPort: Type.Integer(),
  privatePort: Type.Integer(),
  publicAddress: Type.Optional(
    Type.String({ description: "where the plan has several public addresses: this port's own, in place of publicHost" }),
  ),
});

export const ServerSchema = Type.Object(
  {
    id: Type.Integer(),
    generation: Type.String({ description: 'UUID of this lease of the ID' }),
    owner: Type.String(),
    admin: Type.String({ description: 'first user inside' }),
    name: nullable(Type.String()),
    system: Type.String(),
    type: Type.String(),
    diskBytes: bytes(),
    memoryBytes: bytes(),
    cpus: Type.Integer(),
    address: Type.String({ description: 'private IPv4 address' }),
    ports: Type.Array(PublicPortSchema, { description: 'those that are public' }),
    policies: Type.Record(Type.String(), literals(...portPolicies), { description: 'who may come to its ports, by their names' }),
    repair: Type.Record(Type.String(), literals(...repairModes), {
      description: 'whether addresses in its pages below prefixes are made right',
    }),
    status: StatusSchema,
    problem: nullable(Type.String({ description: 'plain reason when the status is failed' })),
    notes: Type.String(),
    createdAt: time(),
    right: RightSchema,
  },
  { $id: 'Server' },
);

const UsageSchema = Type.Object(
  {
    memoryBytes: bytes(),
    diskBytes: nullable(bytes()),
    cpuSeconds: Type.Number(),
    processes: Type.Integer(),
    receivedBytes: bytes(),
    sentBytes: bytes(),
  },
  { $id: 'Usage' },
);

const WayInSchema = Type.Object({
  kind: literals('ssh', 'browser', 'www', 'usr', 'other'),
  text: Type.String({ description: 'a command or URL to copy: ssh -p 2123 jbond007@host' }),
});

export const ServerDetailSchema = Type.Object(
  {
    server: ServerSchema,
    waysIn: Type.Array(WayInSchema),
    hostKey: nullable(Type.String({ description: 'the OpenSSH public host key' })),
    hostKeyFingerprint: nullable(Type.String()),
    gatewayKey: Type.Boolean({ description: "whether the gateway's own key was put into the admin's authorized_keys" }),
    record: Type.Boolean({ description: 'whether the owner wants terminal sessions through the gateway recorded' }),
    recordedBy: nullable(literals('owner', 'administrator')),
    usage: nullable(UsageSchema),
  },
  { $id: 'ServerDetail' },
);

export const CreateServersSchema = Type.Object(
  {
    id: Type.Optional(Type.Integer({ description: 'without it the lowest free one' })),
    count: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
    system: Type.Optional(text(40)),
    type: Type.Optional(text(40)),
    diskBytes: Type.Optional(Type.Integer()),
    memoryBytes: Type.Optional(Type.Integer()),
    cpus: Type.Optional(Type.Integer()),
    owner: Type.Optional(text(64, 'others than who asks: for staff, within the quota of the owner, and administrators')),
    owners: Type.Optional(Type.Array(text(64), { minItems: 1, maxItems: 1000, description: 'count servers for each, all or none' })),
    group: Type.Optional(text(64, 'count servers for each member of this group, all or none')),
    admin: Type.Optional(text(64, "the first user inside; default: the owner's name")),
    name: Type.Optional(text(64)),
    notes: Type.Optional(text(500)),
    keys: Type.Optional(Type.Array(text(20_000), { maxItems: 50, description: "public keys beside the owner's own" })),
    start: Type.Optional(Type.Boolean()),
  },
  { $id: 'CreateServers', additionalProperties: false },
);

export const ChangeServerSchema = Type.Object(
  {
    notes: Type.Optional(text(500)),
    name: Type.Optional(nullable(text(64))),
    diskBytes: Type.Optional(Type.Integer()),
    memoryBytes: Type.Optional(Type.Integer()),
    cpus: Type.Optional(Type.Integer()),
    ports: Type.Optional(
      Type.Record(Type.String({ maxLength: 16 }), Type.String({ maxLength: 16 }), {
        maxProperties: 40,
        description: `who may come to a port, by its name: ${portPolicies.join(', ')}, or default`,
      }),
    ),
    repair: Type.Optional(
      Type.Record(Type.String({ maxLength: 16 }), Type.String({ maxLength: 16 }), {
        maxProperties: 10,
        description: `whether addresses in pages below a prefix are made right, by name of port: ${repairModes.join(', ')}`,
      }),
    ),
    record: Type.Optional(Type.Boolean({ description: 'terminal sessions through the gateway, from now on; for whoever may share' })),
  },
  { $id: 'ChangeServer', additionalProperties: false },
);

export const OperationSchema = Type.Object(
  {
    id: Type.String(),
    kind: Type.String({ description: 'create, start, stop, kill, restart, drop, set, image-build, image-import, ...' }),
    person: nullable(Type.String()),
    serverId: nullable(Type.Integer()),
    generation: nullable(Type.String()),
    subject: Type.String({ description: 'what it is about, in words: server 123; image debian12/web' }),
    state: literals('pending', 'running', 'done', 'failed', 'cancelled'),
    step: Type.String({ description: 'what is being done now, in words' }),
    fraction: Type.Number({ minimum: 0, maximum: 1 }),
    error: nullable(Type.Object({ code: Type.String(), message: Type.String() })),
    createdAt: time(),
    endedAt: nullable(time()),
  },
  { $id: 'Operation' },
);

export const OneTimePasswordSchema = Type.Object({
  id: Type.Integer(),
  user: Type.String(),
  password: Type.String({ description: 'shown once, kept nowhere; must be changed at the first login' }),
});

export const CreatedServersSchema = Type.Object(
  {
    servers: Type.Array(ServerSchema),
    operations: Type.Array(OperationSchema),
    passwords: Type.Array(OneTimePasswordSchema, { description: 'empty when an idempotency key was seen before' }),
  },
  { $id: 'CreatedServers' },
);

export const QuotaSchema = Type.Object({
  servers: nullable(Type.Integer({ minimum: 0 })),
  cpus: nullable(Type.Integer({ minimum: 0 })),
  memoryBytes: nullable(Type.Integer({ minimum: 0 })),
  diskBytes: nullable(Type.Integer({ minimum: 0 })),
});

export const PersonSchema = Type.Object(
  {
    name: Type.String(),
    role: RoleSchema,
    canCreate: Type.Boolean(),
    disabled: Type.Boolean(),
    passwordMustChange: Type.Boolean(),
    quota: Type.Object(QuotaSchema.properties, { description: 'null: the default of the configuration' }),
    used: Type.Object({ servers: Type.Integer(), cpus: Type.Integer(), memoryBytes: bytes(), diskBytes: bytes() }),
    groups: Type.Array(Type.String()),
    createdAt: time(),
  },
  { $id: 'Person' },
);

export const KeySchema = Type.Object(
  { fingerprint: Type.String(), algorithm: Type.String(), comment: Type.String(), publicKey: Type.String(), addedAt: time() },
  { $id: 'Key' },
);

export const TokenSchema = Type.Object(
  {
    id: Type.String(),
    person: Type.String(),
    label: Type.String(),
    createdAt: time(),
    expiresAt: time(),
    lastUsedAt: nullable(time()),
    current: Type.Boolean(),
  },
  { $id: 'Token' },
);

export const GroupSchema = Type.Object(
  {
    name: Type.String(),
    description: Type.String(),
    members: Type.Array(Type.Object({ person: Type.String(), isLeader: Type.Boolean() })),
  },
  { $id: 'Group' },
);

export const GrantSubjectSchema = Type.Object({ kind: literals('person', 'group'), name: text(64) });
export const GrantTargetSchema = Type.Union([
  Type.Object({ kind: Type.Literal('server'), id: Type.Integer() }),
  Type.Object({ kind: Type.Literal('group'), name: text(64) }),
  Type.Object({ kind: Type.Literal('all') }),
]);

export const GrantSchema = Type.Object(
  {
    id: Type.String(),
    subject: GrantSubjectSchema,
    target: GrantTargetSchema,
    right: RightSchema,
    grantedBy: Type.String(),
    expiresAt: nullable(time()),
  },
  { $id: 'Grant' },
);

export const ImageSchema = Type.Object(
  {
    reference: Type.String({ description: 'system/type' }),
    system: Type.String(),
    type: Type.String(),
    fingerprint: Type.String(),
    sizeBytes: bytes(),
    createdAt: time(),
    origin: literals('built', 'imported'),
    isCurrent: Type.Boolean({ description: 'false: the recipe has changed since it was built' }),
  },
  { $id: 'Image' },
);

export const FindingSchema = Type.Object(
  {
    id: Type.String({ description: 'code and subject, stable while the finding stands: instance-unknown:s7-0a1b2c3d' }),
    code: Type.String(),
    severity: literals('info', 'warning', 'error'),
    subject: Type.String(),
    found: Type.String({ description: 'plain sentence: what is so' }),
    remedy: Type.String({ description: 'plain sentence: what to do' }),
    actions: Type.Array(literals('mend', 'adopt', 'discard')),
  },
  { $id: 'Finding' },
);

export const PlanSchema = Type.Object(
  {
    network: Type.String(),
    host: Type.String(),
    firstId: Type.Integer(),
    lastId: Type.Integer(),
    publicHost: Type.String({ description: 'the name or address people use' }),
    blocks: Type.Array(
      Type.Object({
        name: Type.String(),
        protocols: Type.Array(literals('tcp', 'udp')),
        privatePort: Type.Integer(),
        base: Type.Integer(),
        stride: Type.Integer(),
        offset: Type.Integer(),
        rule: Type.String({ description: 'in words: 2000 + ID' }),
      }),
    ),
    web: nullable(
      Type.Object(
        {
          portal: nullable(
            Type.String({ description: 'the origin of the portal, and of this API for people elsewhere; null without HTTPS' }),
          ),
          urls: Type.Array(Type.String()),
          authority: nullable(Type.String({ description: 'where the authority is to be had that certifies them' })),
        },
        { description: "servers' pages, with ID in place of one; null where none are served" },
      ),
    ),
    bastion: nullable(
      Type.Object(
        {
          host: Type.String(),
          port: Type.Integer(),
          hostKeys: Type.Array(Type.String({ description: 'OpenSSH public key, without comment' })),
        },
        { description: "the gateway's SSH server; null where there is none" },
      ),
    ),
  },
  { $id: 'Plan' },
);

export const HostKeySchema = Type.Object(
  {
    serverId: nullable(Type.Integer({ description: 'null: the bastion' })),
    alias: Type.String({ description: "for OpenSSH's HostKeyAlias: server-123, myserver-gateway" }),
    hosts: Type.Array(Type.String(), { description: 'as OpenSSH looks it up: [host]:2123' }),
    publicKey: Type.String({ description: 'OpenSSH public key, without comment' }),
  },
  { $id: 'HostKey' },
);

export const AuditLineSchema = Type.Object(
  {
    at: time(),
    person: nullable(Type.String()),
    via: Type.String(),
    from: nullable(Type.String()),
    deed: Type.String(),
    serverId: nullable(Type.Integer()),
    generation: nullable(Type.String()),
    allowed: Type.Boolean(),
    detail: Type.String(),
  },
  { $id: 'AuditLine' },
);

export const SessionSchema = Type.Object(
  {
    id: Type.String(),
    person: nullable(Type.String({ description: "null: somebody without an account, by a user of the server's own" })),
    from: nullable(Type.String()),
    kind: Type.String({ description: 'lobby, shell, exec, sftp, forward, ...' }),
    serverId: nullable(Type.Integer()),
    detail: Type.String(),
    since: time(),
    bytesIn: Type.Integer({ minimum: 0, description: 'from the person' }),
    bytesOut: Type.Integer({ minimum: 0, description: 'to the person' }),
    terminal: nullable(Type.String({ description: 'of a terminal in a browser, for its person alone: by which it is taken up again' })),
  },
  { $id: 'Session' },
);

export const RecordingSchema = Type.Object(
  {
    name: Type.String(),
    serverId: nullable(Type.Integer({ description: 'null: the server is gone' })),
    generation: Type.String(),
    person: nullable(Type.String({ description: 'who was recorded, as the gateway says' })),
    startedAt: time(),
    bytes: bytes(),
  },
  { $id: 'Recording' },
);

export type RecordingView = Static<typeof RecordingSchema>;
export type SessionView = Static<typeof SessionSchema>;
export type Problem = Static<typeof ProblemSchema>;
export type ServerView = Static<typeof ServerSchema>;
export type ServerDetail = Static<typeof ServerDetailSchema>;
export type CreateServers = Static<typeof CreateServersSchema>;
export type ChangeServer = Static<typeof ChangeServerSchema>;
export type CreatedServers = Static<typeof CreatedServersSchema>;
export type OperationView = Static<typeof OperationSchema>;
export type PersonView = Static<typeof PersonSchema>;
export type KeyView = Static<typeof KeySchema>;
export type TokenView = Static<typeof TokenSchema>;
export type GroupView = Static<typeof GroupSchema>;
export type GrantView = Static<typeof GrantSchema>;
export type ImageView = Static<typeof ImageSchema>;
export type FindingView = Static<typeof FindingSchema>;
export type HostKeyView = Static<typeof HostKeySchema>;
export type PlanView = Static<typeof PlanSchema>;
export type AuditLineView = Static<typeof AuditLineSchema>;
