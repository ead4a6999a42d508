/** From a bare machine to a first server that somebody is in. */
import { existsSync } from 'node:fs';
import { parsePersonName } from '../../src/core/names.ts';
import { fault } from '../../src/core/errors.ts';
import { checkPlan } from '../../src/core/plan-check.ts';
import { parseSize } from '../../src/core/sizes.ts';
import { type Config, defaultConfigPath, loadConfig } from '../../src/daemon/config.ts';
import { usualBastionPorts, usualWebPorts } from '../../src/daemon/gateway-config.ts';
import { hostWantedOf } from '../../src/daemon/host-wanted.ts';
import { hostSteps } from '../../src/host/bring-up.ts';
import { readHostFacts } from '../../src/host/facts.ts';
import { systemOfCodename } from '../../src/host/image/recipe.ts';
import { readRelease, writeWhole } from '../../src/host/packages.ts';
import { takeSteps, type HostStep } from '../../src/host/step.ts';
import { readHostPorts } from '../../src/network/host-ports.ts';
import { freeBastionPort, freeWebPorts } from './gateway-ports.ts';
import { controlStep } from './control-service.ts';
import { firstAdministrator, firstServer, imageStep, tellWaysIn } from './first-things.ts';
import { bastionOf, gatewayAccountStep, gatewayStep, portalOf } from './gateway-service.ts';
import { places } from './places.ts';
import { programStep } from './program-step.ts';
import { makeReport, say } from './report.ts';

export interface InstallOptions {
  readonly pool: string | undefined;
  readonly admin: string | undefined;
  readonly wantsServer: boolean;
  readonly signal: AbortSignal;
}

export async function install({ pool, admin, wantsServer, signal }: InstallOptions): Promise<void> {
  const adminName = administratorName(admin, process.env['SUDO_USER']);
  const poolBytes = pool === undefined ? undefined : parseSize(pool, 'the size of the pool');
  await takeSteps([configStep()], makeReport(), signal);
  const config = await loadConfig(defaultConfigPath);
  const wanted = hostWantedOf(config, poolBytes);
  if (!existsSync(places.library)) await tellFacts(config);
  const [packages, ...rest] = hostSteps(wanted);
  let hasNewProgram = false;
  const program = programStep();
  const steps: readonly HostStep[] = [
    ...(packages === undefined ? [] : [packages]),
    planStep(config),
    ...rest,
    {
      ...program,
      apply: async (inner) => {
        await program.apply(inner);
        hasNewProgram = true;
      },
    },
    gatewayAccountStep(config),
    controlStep(config, () => hasNewProgram),
    gatewayStep(config, () => hasNewProgram),
    imageStep(config),
  ];
  await takeSteps(steps, makeReport(), signal);
  const person = await firstAdministrator(config, adminName, signal);
  const server = wantsServer ? await firstServer(config, person.name, signal) : undefined;
  tellWaysIn(person, server, await bastionOf(config), await portalOf(config));
}

/** `sudo` names the person; root's own shell names nobody. */
function administratorName(asked: string | undefined, sudoUser: string | undefined): string {
  if (asked !== undefined) return parsePersonName(asked);
  try {
    return parsePersonName(sudoUser ?? 'admin');
  } catch {
    // root, or a name that people may have and servers' users may not.
    return 'admin';
  }
}

function configStep(): HostStep {
  return {
    name: 'configuration',
    check: async () => (existsSync(defaultConfigPath) ? undefined : defaultConfigPath),
    apply: async () => {
      const system = systemOfCodename((await readRelease()).codename)?.name;
      // Images are built from the host's own sources, so a host of another release offers that one first.
      const defaults = system === undefined || system === 'debian12' ? {} : { defaults: { system } };
      const port = await freeBastionPort();
      const value = {
        ...defaults,
        ...(port === undefined ? {} : { bastion: { port } }),
        web: await freeWebPorts(),
      };
      await writeWhole(defaultConfigPath, `${JSON.stringify(value, undefined, 2)}\n`);
    },
  };
}

/** Collisions are told before anything is made that collides. */
function planStep(config: Config): HostStep {
  const { plan, api, engine, bastion, web } = config;
  return {
    name: 'addressing plan',
    async check() {
      const facts = await readHostPorts();
      const findings = checkPlan(plan, {
        ...facts,
        ownListeners: [
          { name: 'local API', port: api.port },
          ...portsOf(bastion, usualBastionPorts).map((port) => ({ name: 'bastion', port })),
          ...web.listeners.flatMap((listener) =>
            portsOf({ isEnabled: web.isEnabled, port: web.ports[listener] }, usualWebPorts[listener]).map((port) => ({
              name: "servers' pages",
              port,
            })),
          ),
        ],
        ownBridge: engine.network,
      });
      const isInstalled = facts.routes.some(({ device }) => device === engine.network);
      const worst = findings.find(({ severity }) => severity === 'error');
      if (worst !== undefined && !isInstalled) {
        throw fault(
          'bad-plan',
          `${worst.subject}: ${worst.found}. ${worst.remedy} (the configuration is ${defaultConfigPath}; then run ./up again)`,
        );
      }
      return undefined;
    },
    apply: async () => {},
  };
}

/** Where nothing is said, the second where the first is taken. */
function portsOf({ isEnabled, port }: Pick<Config['bastion'], 'isEnabled' | 'port'>, usual: readonly number[]): readonly number[] {
  if (!isEnabled) return [];
  return port === undefined ? usual : [port];
}

async function tellFacts(config: Config): Promise<void> {
  const facts = await readHostFacts(hostWantedOf(config).incusDir);
  const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  const init = facts.hasSystemd ? 'systemd' : 'no systemd';
  say(
    `  ${facts.release.name}, ${facts.cpus} CPUs, ${gib(facts.memory.totalBytes)} memory, ${gib(facts.disk.freeBytes)} of disk free, ${init}, cgroups ${facts.cgroups === 'v2' ? 'version 2' : 'version 1'}`,
  );
}
