/** Everything a machine needs before control can run on it, in order. */
import type { Plan } from '../core/plan.ts';
import { engineServiceStep } from './engine-service.ts';
import { makeIncusApi } from './incus-api.ts';
import { packagesStep } from './packages.ts';
import { choosePoolBytes, diskSpaceAt } from './pool-size.ts';
import { preseedSteps, type PreseedWanted } from './preseed.ts';
import { settingsStep, type SettingsWanted } from './settings.ts';
import type { HostStep } from './step.ts';
import { subordinateIdsStep } from './subordinate-ids.ts';

export interface HostWanted {
  readonly incusDir: string;
  /** Incus's unix socket. */
  readonly socket: string;
  readonly project: string;
  readonly pool: string;
  readonly bridge: string;
  readonly plan: Plan;
  readonly ownPorts: readonly number[];
  /** Undefined: chosen from the free disk. Only a pool that is made now cares. */
  readonly poolBytes?: number | undefined;
}

export function hostSteps(wanted: HostWanted): readonly HostStep[] {
  return [packagesStep(), subordinateIdsStep(), engineServiceStep(wanted), preseedStep(wanted), settingsStep(settingsWanted(wanted))];
}

export function settingsWanted({ plan, bridge, ownPorts }: HostWanted): SettingsWanted {
  return { plan, bridge, ownPorts };
}

/** What of ours Incus should hold. Reads the free disk when no size was asked for. */
export async function preseedWanted(wanted: HostWanted): Promise<PreseedWanted> {
  const { incusDir, project, plan } = wanted;
  const hasPool = (await makeIncusApi(wanted.socket).ask('GET', `/1.0/storage-pools/${wanted.pool}`)) !== undefined;
  const sizeBytes = hasPool ? 0 : choosePoolBytes(await diskSpaceAt(incusDir), wanted.poolBytes);
  return {
    incusDir,
    project,
    pool: { name: wanted.pool, sizeBytes, isPreallocated: true },
    bridge: { name: wanted.bridge, address: `${plan.hostAddress}/${plan.network.prefix}`, resolvesOutside: true },
  };
}

export function preseedStep(wanted: HostWanted): HostStep {
  const stepsNow = async () => preseedSteps(makeIncusApi(wanted.socket), await preseedWanted(wanted));
  return {
    name: 'pool, bridge, project',
    async check() {
      const steps = await stepsNow();
      return steps.length === 0 ? undefined : steps.map(({ what }) => what).join(', ');
    },
    async apply() {
      for (const step of await stepsNow()) await step.apply();
    },
  };
}
