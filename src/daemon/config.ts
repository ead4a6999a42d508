/**
 * The configuration: one JSON file, every field with a default, a misspelt field an error. `/etc/myserver/config.json` unless `MYSERVER_CONFIG` names
 * another; absent is the same as `{}`.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { messageOf } from '../base/fault.ts';
import { defaultPeopleConfig } from '../control/people/parts.ts';
import { checkLimits } from '../control/servers/request.ts';
import { fault } from '../core/errors.ts';
import { parseSystemName } from '../core/names.ts';
import { parsePlan, type Plan } from '../core/plan.ts';
import { metadataNetwork } from '../core/ruleset.ts';
import { defaultLimits, type Limits } from '../core/server.ts';
import { parseSize } from '../core/sizes.ts';
import type { Quota } from '../store/people.ts';
import { bastionFields, type GatewayConfig, gatewayFields, readGatewayConfig, webFields } from './gateway-config.ts';

export const defaultConfigPath = '/etc/myserver/config.json';
export const defaultStateDir = '/var/lib/myserver';

const text = Type.String({ minLength: 1, maxLength: 4096 });
const positive = Type.Number({ exclusiveMinimum: 0 });
const count = Type.Integer({ minimum: 0 });
const port = Type.Integer({ minimum: 1, maximum: 65_535 });
const part = <T extends Parameters<typeof Type.Object>[0]>(fields: T) =>
  Type.Optional(Type.Partial(Type.Object(fields, { additionalProperties: false }), { additionalProperties: false }));

/** As a person writes it: sizes as text (`512M`), networks as text. */
const ConfigSchema = Type.Partial(
  Type.Object({
    /** The name or address that people use. */
    publicHost: text,
    /** Kept: the store, images, keys. */
    stateDir: text,
    /** Gone at reboot: sockets, process IDs. */
    runDir: text,
    /** Packages and images that can be made again. */
    cacheDir: text,
    api: part({ host: text, port, allowedHosts: Type.Array(text) }),
    /** See `core/plan-config.ts`; `{}` is the classic plan. */
    plan: Type.Record(Type.String(), Type.Unknown()),
    engine: part({ socket: text, project: text, pool: text, network: text }),
    firewall: part({
      table: text,
      /** Networks that servers may not open connections to. */
      blocked: Type.Array(text),
      /** Ports of this host that servers may reach beside DNS and DHCP. */
      hostServices: Type.Array(Type.Object({ protocol: Type.Union([Type.Literal('tcp'), Type.Literal('udp')]), port })),
      keepSource: Type.Boolean(),
      otherForwarding: Type.Union([Type.Literal('leave'), Type.Literal('drop')]),
    }),
    defaults: part({ system: text, type: text, memory: text, cpus: count, disk: text }),
    quota: part({ servers: count, cpus: count, memory: text, disk: text }),
    overcommit: part({ memory: positive, cpus: positive, disk: positive }),
    server: part({ maxProcesses: Type.Integer({ minimum: 50 }), stopGraceSeconds: positive, classicPasswords: Type.Boolean() }),
    tokens: part({ hours: positive, longestDays: positive }),
    gateway: part(gatewayFields),
    bastion: part(bastionFields),
    web: part(webFields),
    audit: part({ keepDays: positive, keepLines: Type.Integer({ minimum: 1000 }) }),
  }),
  { additionalProperties: false },
);

type Written = Static<typeof ConfigSchema>;

export interface Config extends GatewayConfig {
  readonly publicHost: string | undefined;
  readonly stateDir: string;
  readonly runDir: string;
  readonly cacheDir: string;
  readonly api: { readonly host: string; readonly port: number; readonly allowedHosts: readonly string[] };
  readonly plan: Plan;
  readonly engine: { readonly socket: string; readonly project: string; readonly pool: string; readonly network: string };
  readonly firewall: {
    readonly table: string;
    readonly blocked: readonly string[];
    readonly hostServices: readonly { readonly protocol: 'tcp' | 'udp'; readonly port: number }[];
    readonly keepSource: boolean;
    readonly otherForwarding: 'leave' | 'drop';
  };
  readonly defaults: { readonly system: string; readonly type: string; readonly limits: Limits };
  readonly quota: Quota;
  readonly overcommit: { readonly memory: number; readonly cpus: number; readonly disk: number };
  readonly server: { readonly maxProcesses: number; readonly stopGraceMs: number; readonly hasClassicPasswords: boolean };
  readonly tokens: { readonly lifetimeMs: number; readonly longestMs: number };
  readonly audit: { readonly keptMs: number; readonly keptLines: number };
}

/** Throws `bad-configuration`, naming the file. */
export async function loadConfig(path: string): Promise<Config> {
  const content = await readFile(path, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '{}';
    throw fault('bad-configuration', `the configuration ${path} cannot be read: ${messageOf(error)}`);
  });
  try {
    return readConfig(JSON.parse(content) as unknown);
  } catch (error) {
    throw fault('bad-configuration', `the configuration ${path} is not usable: ${messageOf(error)}`, { cause: error });
  }
}

/** The packet rules that were set last, for the next boot. */
export function rulesFile({ stateDir }: Pick<Config, 'stateDir'>): string {
  return join(stateDir, 'rules.nft');
}

/** The configuration that a JSON value states, defaults put in. Throws `bad-configuration`, `bad-plan`, `bad-size`, `bad-name`. */
export function readConfig(value: unknown): Config {
  const [first] = Value.Errors(ConfigSchema, value);
  if (first !== undefined)
    throw fault(
      'bad-configuration',
      `${first.instancePath === '' ? 'the whole' : first.instancePath.slice(1).replaceAll('/', '.')} ${first.message}`,
    );
  const written = value as Written;
  const {
    api = {},
    engine = {},
    firewall = {},
    server = {},
    overcommit = {},
    tokens = {},
    gateway = {},
    bastion = {},
    web = {},
    audit = {},
  } = written;
  const plan = parsePlan(written.plan ?? {});
  const stateDir = written.stateDir ?? defaultStateDir;
  return {
    publicHost: written.publicHost,
    stateDir,
    runDir: written.runDir ?? '/run/myserver',
    cacheDir: written.cacheDir ?? '/var/cache/myserver',
    api: { host: api.host ?? '127.0.0.1', port: api.port ?? 9440, allowedHosts: api.allowedHosts ?? [] },
    plan,
    engine: {
      socket: engine.socket ?? '/var/lib/incus/unix.socket',
      project: engine.project ?? 'myserver',
      pool: engine.pool ?? 'myserver',
      network: engine.network ?? 'myserver0',
    },
    firewall: {
      table: firewall.table ?? 'myserver',
      blocked: firewall.blocked ?? [metadataNetwork],
      hostServices: firewall.hostServices ?? [],
      keepSource: firewall.keepSource ?? true,
      otherForwarding: firewall.otherForwarding ?? 'leave',
    },
    defaults: readDefaults(written.defaults ?? {}),
    quota: readQuota(written.quota ?? {}),
    overcommit: { memory: overcommit.memory ?? 8, cpus: overcommit.cpus ?? 64, disk: overcommit.disk ?? 10 },
    server: {
      maxProcesses: server.maxProcesses ?? 2000,
      stopGraceMs: (server.stopGraceSeconds ?? 30) * 1000,
      hasClassicPasswords: server.classicPasswords ?? false,
    },
    tokens: {
      lifetimeMs: tokens.hours === undefined ? defaultPeopleConfig.tokenLifetimeMs : tokens.hours * 3_600_000,
      longestMs: tokens.longestDays === undefined ? defaultPeopleConfig.longestTokenLifetimeMs : tokens.longestDays * 86_400_000,
    },
    audit: { keptMs: (audit.keepDays ?? 400) * 86_400_000, keptLines: audit.keepLines ?? 2_000_000 },
    ...readGatewayConfig(gateway, bastion, web, plan),
  };
}

function readDefaults({ system, type, memory, cpus, disk }: NonNullable<Written['defaults']>): Config['defaults'] {
  return {
    system: parseSystemName(system ?? 'debian12'),
    type: parseSystemName(type ?? 'minimal'),
    limits: checkLimits({
      memoryBytes: memory === undefined ? defaultLimits.memoryBytes : parseSize(memory, 'defaults.memory'),
      cpus: cpus ?? defaultLimits.cpus,
      diskBytes: disk === undefined ? defaultLimits.diskBytes : parseSize(disk, 'defaults.disk'),
    }),
  };
}

function readQuota({ servers, cpus, memory, disk }: NonNullable<Written['quota']>): Quota {
  const { defaultQuota } = defaultPeopleConfig;
  return {
    servers: servers ?? defaultQuota.servers,
    cpus: cpus ?? defaultQuota.cpus,
    memoryBytes: memory === undefined ? defaultQuota.memoryBytes : parseSize(memory, 'quota.memory'),
    diskBytes: disk === undefined ? defaultQuota.diskBytes : parseSize(disk, 'quota.disk'),
  };
}
