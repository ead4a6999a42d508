/** Puts control together from its parts: the order in which they come to life is told once, here. */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Service } from '../base/service.ts';
import type { Plan } from '../core/plan.ts';
import type { Ruleset } from '../core/ruleset.ts';
import type { Engine } from '../engines/engine.ts';
import type { ImageBuilder } from '../host/image/builder.ts';
import type { Firewall } from '../network/firewall.ts';
import type { ServerRecord } from '../store/servers.ts';
import type { Store } from '../store/store.ts';
import { type AccessDesk, makeAccessDesk } from './access-desk.ts';
import { makeBackupVerbs } from './backup.ts';
import type { InstallationFacts, ServerControl } from './control.ts';
import { type HostDoctor, makeDoctorVerbs } from './doctor.ts';
import { makeEventVerbs } from './event-verbs.ts';
import { makeEventBus } from './events.ts';
import type { RecordingFiles } from './gateway/recording-files.ts';
import { makeHousekeeping } from './housekeeping.ts';
import { imageHandlers, makeImageVerbs, type Recipes } from './images.ts';
import { makeGate, makeLanes } from './lanes.ts';
import { makeOperationRunner, type OperationHandlers } from './operation-runner.ts';
import { makeOperationVerbs } from './operation-verbs.ts';
import { makeReconciler } from './reconciler.ts';
import { makeRules, type Rules } from './rules.ts';
import { creationHandler } from './servers/creation.ts';
import { lifeHandlers } from './servers/life.ts';
import type { HostHands, ServerSettings } from './servers/settings.ts';
import { makeServerVerbs } from './servers/verbs.ts';
import { type DomainVerbParts, makeDomainVerbs } from './web/domains.ts';
import { makeLinkVerbs } from './web/links.ts';
import { makeUsageSampler } from './usage-sampler.ts';
import { makeWebRoutes, type WebRoutesOptions } from './web/web-routes.ts';
import { makeWorld, type World } from './world.ts';

export interface ServerControlOptions {
  readonly store: Store;
  readonly engine: Engine;
  /** What visitors of the web are shown. */
  readonly certificates: WebRoutesOptions['certificates'];
  readonly passKey: string;
  readonly lookupTxt: DomainVerbParts['lookupTxt'];
  readonly firewall: Firewall;
  readonly plan: Plan;
  readonly rulesetOf: (servers: readonly ServerRecord[]) => Ruleset;
  readonly builder: ImageBuilder;
  readonly recipes: Recipes;
  readonly hands: HostHands;
  readonly host: HostDoctor;
  readonly settings: ServerSettings;
  /** How long lines of the audit are kept. */
  readonly auditKeptMs: number;
  /** More than so many lines of the audit are thinned. */
  readonly auditKeptLines: number;
  readonly recordingFiles: RecordingFiles;
  readonly facts: Omit<InstallationFacts, 'plan'>;
  /** There should be a gateway, and it takes nobody in. */
  readonly isGatewayAway: () => boolean;
  readonly edgeTrouble: () => string | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** With the parts that the gateway's side of control shares, for who wires. */
export interface WholeControl extends ServerControl, Service {
  readonly access: AccessDesk;
  readonly world: World;
  readonly rules: Rules;
}

/** Four instances unpacked at once kept two cores and one disk busy; more of them only waited for each other. */
const creationsAtOnce = 4;

/** `start` resolves when the first pass of the reconciler is through and unfinished operations go on. */
export function makeServerControl(options: ServerControlOptions): WholeControl {
  const { store, engine, plan, log, clock } = options;
  const events = makeEventBus(log);
  const lanes = makeLanes();
  const world = makeWorld({ store, engine, log });
  const web = makeWebRoutes(options);
  const rules = makeRules({ ...options, web, log });
  const access = makeAccessDesk({ store, plan, clock });
  let handlers: OperationHandlers = {};
  const operations = makeOperationRunner({ store, events, lanes, log, handlers: () => handlers });
  const parts = { ...options, events, world, rules, access, operations, changes: makeLanes() };
  handlers = { create: creationHandler(parts, makeGate(creationsAtOnce)), ...lifeHandlers(parts), ...imageHandlers(parts) };
  const webParts = { ...parts, web, origins: options.facts.web };
  const reconciler = makeReconciler(parts, lanes);
  const housekeeping = makeHousekeeping(options);
  const sampler = makeUsageSampler(parts);

  return {
    name: 'control',
    facts: { ...options.facts, plan },
    access,
    world,
    rules,
    web,
    servers: makeServerVerbs(parts),
    links: makeLinkVerbs(webParts),
    domains: makeDomainVerbs(webParts),
    images: makeImageVerbs(parts),
    operations: makeOperationVerbs(parts),
    doctor: makeDoctorVerbs({ ...parts, web, pass: reconciler.pass }),
    backup: makeBackupVerbs({ store }),
    events: { subscribe: events.subscribe, ...makeEventVerbs(parts) },

    async start() {
      await housekeeping.start();
      await world.refresh().catch(() => {});
      if (world.last()?.isMismatch !== true) await operations.resumeAll();
      await reconciler.start();
      await sampler.start();
    },

    async stop() {
      await sampler.stop();
      await housekeeping.stop();
      await reconciler.stop();
      await operations.stop();
    },
  };
}
