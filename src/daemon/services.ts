/** The only place that wires: from configuration to the services of control, in the order they are started. */
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../base/fault.ts';
import { systemClock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Service } from '../base/service.ts';
import { heldIds } from '../core/plan-check.ts';
import { rulesOf } from '../core/ruleset-plan.ts';
import type { Ruleset } from '../core/ruleset.ts';
import { type GatewayControl, makeGatewayControl } from '../control/gateway/gateway-control.ts';
import { makeRecordingFiles } from '../control/gateway/recording-files.ts';
import { leasesOnWire } from '../control/leases-on-wire.ts';
import { makePeopleControl, type PeopleControl, type PeopleControlOptions } from '../control/people/people-control.ts';
import { makePasses } from '../control/web/passes.ts';
import { makeServerControl } from '../control/server-control.ts';
import type { InstallationFacts } from '../control/control.ts';
import type { HostHands, ServerSettings } from '../control/servers/settings.ts';
import { makeIncusEngine } from '../engines/incus/incus-engine.ts';
import { settingsWanted } from '../host/bring-up.ts';
import { createImageBuilder } from '../host/image/build.ts';
import type { ImageBuilder } from '../host/image/builder.ts';
import { buildableSystems, buildableTypes, recipeOf } from '../host/image/recipe.ts';
import { systemsWithSources } from '../host/image/sources.ts';
import { lookupTxt } from '../host/lookup-txt.ts';
import { hashPassword } from '../host/password-hash.ts';
import { settleSettings } from '../host/settings.ts';
import { answersSsh } from '../host/ssh-banner.ts';
import { readListeners } from '../network/host-ports.ts';
import { makeNftFirewall } from '../network/nft/nft-firewall.ts';
import { makeApi } from '../rest/api.ts';
import { openStore } from '../store/open.ts';
import type { ServerRecord } from '../store/servers.ts';
import { accountOf, groupOfUser } from './account.ts';
import { rulesFile, type Config } from './config.ts';
import { consolesDir, gatewaySocketPath, portalSocketPath } from './gateway-socket.ts';
import { certificatesFor } from './certificates.ts';
import { hasHaproxyInFront } from './edge-kind.ts';
import { haproxyKeeper } from './edge-services.ts';
import { hostDoctorFor } from './host-doctor.ts';
import { hostWantedOf } from './host-wanted.ts';
import { makeGatewayDir } from './gateway-dir.ts';
import { makeRunDir } from './run-dir.ts';
import { guessPublicHost } from './public-host.ts';
import { readVersion } from './version.ts';
import { webOriginsOf } from './web-origins.ts';

/** How long a creation waits for SSH: a slow disk under a full class took 20 s. */
const sshWaitMs = 30_000;
const stoppedInsideMs = 8000;
/** `chpasswd` takes half a second; on a host that is busy with everything else, some seconds. */
const insideMs = 20_000;
/** apt answers from its own lists, without the network. */
const aptPatienceMs = 10_000;

export interface Services extends AsyncDisposable {
  /** In the order of their start; they stop in the opposite one. */
  readonly inOrder: readonly Service[];
}

export async function makeServices(config: Config, log: Log): Promise<Services> {
  await using undo = new AsyncDisposableStack();
  const { plan } = config;
  await makeRunDir(config.runDir);
  const store = undo.use(await openStore({ path: join(config.stateDir, 'store.db'), clock: systemClock, log }));
  const engine = undo.use(await makeIncusEngine({ ...config.engine, log }));
  const firewall = makeNftFirewall({ table: config.firewall.table, runDir: config.runDir, keepAt: rulesFile(config), log });
  const recordingFiles = makeRecordingFiles({ ...config.gateway.recordings, clock: systemClock });
  const passes = await makePasses(store.keyring, () => systemClock.now());
  const certificates = certificatesFor(config, publicHostOf(config), log, {
    changed: async () => await control.web.settle(),
    domains: () => control.web.state().domains.map(({ name }) => name),
  });
  const control = makeServerControl({
    store,
    engine,
    firewall,
    plan,
    rulesetOf: (servers) => rulesetFor(config, servers, gateway),
    ...hostPartsFor(config),
    recordingFiles,
    facts: await factsFor(config, {
      bastion: () => gateway.bastion(),
      webPorts: () => gateway.webPorts(),
      isSelfCertified: () => certificates.current().authority !== undefined,
    }),
    certificates: () => certificates.current(),
    passKey: passes.publicKey,
    lookupTxt: async (name) => await lookupTxt(name, config.web.nameServers),
    isGatewayAway: () => config.bastion.isEnabled && !gateway.live.isListening(),
    edgeTrouble: () => edge?.trouble(),
    clock: systemClock,
    log,
  });
  const changed = () => {
    gateway.live.changes.bump();
    void control.web.settle().catch(() => {});
  };
  const people = peopleFor(config, {
    store,
    clock: systemClock,
    log,
    pushKeys: async (caller, id, lines) => await control.servers.pushKeys(caller, id, lines),
    onPersonChanged: changed,
  });
  const gateway = await makeGatewayControl({
    store,
    access: control.access,
    world: control.world,
    people,
    facts: () => control.facts,
    settings: { authorities: config.bastion.userAuthorities, destinations: config.bastion.destinations },
    recordingFiles,
    web: { routes: control.web, passes, servers: control.servers },
    clock: systemClock,
    onListening: () => void control.rules.settle().catch(() => {}),
  });
  control.events.subscribe(changed);
  await prepareRecordings(config, log);
  await prepareConsoles(config, log);
  const api = await makeApi({ control, people, gateway, hostKeys: store.hostKeys, log, config: await doorsOf(config) });
  const edge = hasHaproxyInFront(config) ? haproxyKeeper(config, publicHostOf(config), control.web, log) : undefined;
  const resources = undo.move();
  return {
    inOrder: [kernelSettings(config, log), certificates, control, ...(edge === undefined ? [] : [edge]), api],
    [Symbol.asyncDispose]: async () => await resources.disposeAsync(),
  };
}

/** What control has of the machine, and of the configuration as it is. */
function hostPartsFor(config: Config) {
  return {
    builder: builderFor(config),
    recipes: { of: recipeOf, buildable: buildableHere },
    hands: handsFor(config),
    host: hostDoctorFor(config),
    settings: settingsFor(config),
    ...auditFor(config),
  };
}

interface LaterFacts {
  readonly bastion: InstallationFacts['bastion'];
  readonly webPorts: GatewayControl['webPorts'];
  readonly isSelfCertified: () => boolean;
}

async function factsFor(config: Config, { bastion, webPorts, isSelfCertified }: LaterFacts): Promise<Omit<InstallationFacts, 'plan'>> {
  const publicHost = publicHostOf(config);
  const web = () => webOriginsOf(config, publicHost, webPorts());
  return { version: await readVersion(), publicHost, bastion, web, isSelfCertified, recording: config.bastion.recording };
}

function peopleFor({ quota, tokens }: Config, parts: Omit<PeopleControlOptions, 'config'>): PeopleControl {
  const config = { defaultQuota: quota, tokenLifetimeMs: tokens.lifetimeMs, longestTokenLifetimeMs: tokens.longestMs };
  return makePeopleControl({ ...parts, config });
}

function publicHostOf({ publicHost, engine }: Config): string {
  return publicHost ?? guessPublicHost(engine.network);
}

async function doorsOf(config: Config) {
  const groupId = await gatewayGroup(config);
  return {
    rootSocket: join(config.runDir, 'root.sock'),
    gatewaySocket: groupId === undefined ? undefined : { path: gatewaySocketPath(config.runDir), groupId },
    portalSocket: groupId === undefined || !config.web.isEnabled ? undefined : { path: portalSocketPath(config.runDir), groupId },
    local: { host: config.api.host, port: config.api.port },
    names: config.api.allowedHosts,
  };
}

/** Who may open the gateway's sockets. Undefined where that account is missing: then nothing but the gateway is missing. */
async function gatewayGroup({ gateway, bastion }: Config): Promise<number | undefined> {
  return bastion.isEnabled ? await groupOfUser(gateway.user) : undefined;
}

/** A place that cannot be made is told of: sessions go on without being recorded. */
async function prepareRecordings({ bastion, gateway }: Config, log: Log): Promise<void> {
  const account = bastion.isEnabled && bastion.recording !== 'off' ? await accountOf(gateway.user) : undefined;
  if (account === undefined) return;
  const { dir } = gateway.recordings;
  await makeGatewayDir(dir, account).catch((error: unknown) =>
    log.warn({ dir, error: messageOf(error) }, 'the directory of recordings could not be made: nothing can be recorded'),
  );
}

/** Where the gateway's workers find each other. Without it a browser's terminal is found again only where its connection meets the same worker. */
async function prepareConsoles({ runDir, web, bastion, gateway }: Config, log: Log): Promise<void> {
  const account = bastion.isEnabled && web.isEnabled ? await accountOf(gateway.user) : undefined;
  if (account === undefined) return;
  await makeGatewayDir(consolesDir(runDir), account).catch((error: unknown) =>
    log.warn({ dir: consolesDir(runDir), error: messageOf(error) }, 'the directory of browser terminals could not be made'),
  );
}

/** A bridge that was made anew, or another program, may have undone what `up` set; a kernel that refuses is told of, and is no reason not to run. */
function kernelSettings(config: Config, log: Log): Service {
  return {
    name: 'kernel settings',
    async start() {
      const changed = await settleSettings(settingsWanted(hostWantedOf(config))).catch((error: unknown) => {
        log.warn({ error: messageOf(error) }, 'the kernel settings could not be looked at; "myserver doctor" tells more');
        return [];
      });
      if (changed.length > 0) log.info({ changed }, 'kernel settings were set again');
    },
    stop: () => Promise.resolve(),
  };
}

/** What servers may reach on the host: what the configuration lists, and the gateway's own, where it listens. */
function rulesetFor(
  { plan, firewall, engine }: Config,
  servers: readonly ServerRecord[],
  gateway: Pick<GatewayControl, 'bastion' | 'webPorts'>,
): Ruleset {
  return {
    table: firewall.table,
    bridge: engine.network,
    ...rulesOf(plan, leasesOnWire(servers)),
    hostServices: [
      ...firewall.hostServices,
      ...[gateway.bastion()?.port, ...Object.values(gateway.webPorts() ?? {})]
        .filter((port) => port !== undefined)
        .map((port) => ({ protocol: 'tcp' as const, port })),
    ],
    blockedDestinations: firewall.blocked,
    keepSource: firewall.keepSource,
    otherForwarding: firewall.otherForwarding,
  };
}

function auditFor({ audit }: Config) {
  return { auditKeptMs: audit.keptMs, auditKeptLines: audit.keptLines };
}

function builderFor({ cacheDir }: Config): ImageBuilder {
  return createImageBuilder({
    outDir: join(cacheDir, 'images'),
    workDir: join(cacheDir, 'build'),
    cacheDir: join(cacheDir, 'packages'),
    clock: systemClock,
  });
}

function handsFor({ plan }: Config): HostHands {
  return {
    async heldIds() {
      const listeners = await readListeners({ holders: false });
      return new Set<number>(heldIds(plan, listeners).keys());
    },
    hashPassword,
    answersSsh,
    means: { memoryBytes: totalmem(), cpus: availableParallelism() },
  };
}

function settingsFor({ defaults, quota, overcommit, server }: Config): ServerSettings {
  return { ...defaults, quota, overcommit, ...server, insideMs, sshWaitMs, stoppedInsideMs };
}

/** What this host's own apt has the packages for. Nothing where apt itself fails: whoever builds then learns why. */
async function buildableHere(): Promise<readonly { readonly system: string; readonly type: string }[]> {
  const systems = await systemsWithSources(buildableSystems(), AbortSignal.timeout(aptPatienceMs)).catch(() => []);
  return systems.flatMap(({ name }) => buildableTypes().map((type) => ({ system: name, type })));
}
