/**
 * The kernel's settings that myserver needs, written down in one file of ours for the next boot and applied now. What an administrator set stays: larger
 * limits are kept, and reserved ports are added to theirs, never put in their place.
 */
import { readFile } from 'node:fs/promises';
import { type Plan, portRange } from '../core/plan.ts';
import { kernelLimits, readSetting, writeSetting } from './kernel-limits.ts';
import { writeWhole } from './packages.ts';
import { formatPortRanges, includesPorts, parsePortRanges, type PortRange } from '../core/port-ranges.ts';
import type { HostStep } from './step.ts';

export const settingsFile = '/etc/sysctl.d/60-myserver.conf';

export interface SettingsWanted {
  readonly plan: Plan;
  readonly bridge: string;
  /** Of our own listeners, which must not be taken as a program's outgoing port either. */
  readonly ownPorts: readonly number[];
}

const reservedKey = 'net.ipv4.ip_local_reserved_ports';

export interface SettingFound {
  readonly key: string;
  /** Undefined where this kernel has none of that name: then there is nothing to set. */
  readonly found: string | undefined;
  /** What it should say: `found` itself where that is good. */
  readonly wanted: string;
  /** What does not work otherwise. */
  readonly why: string;
}

/** Fixed values. `-` keys are interfaces or modules that may be absent when the file is read at boot. */
function fixedSettings(bridge: string): readonly (readonly [key: string, value: string, why: string])[] {
  return [
    ['net.ipv4.ip_forward', '1', 'nothing is forwarded to servers'],
    ['net.bridge.bridge-nf-call-iptables', '0', 'a server cannot reach its own public port'],
    [`net/ipv4/conf/${bridge}/route_localnet`, '1', "the host cannot reach servers' ports at 127.0.0.1"],
  ];
}

export function blockRanges(plan: Plan, ownPorts: readonly number[]): readonly PortRange[] {
  const blocks = plan.config.blocks.map((block): PortRange => {
    const { first, last } = portRange(plan, block);
    return [first, last];
  });
  return [...blocks, ...ownPorts.map((port): PortRange => [port, port])];
}

export async function findSettings({ plan, bridge, ownPorts }: SettingsWanted): Promise<readonly SettingFound[]> {
  const limits = Object.entries(kernelLimits).map(async ([key, least]): Promise<SettingFound> => {
    const found = await readSetting(key);
    return {
      key,
      found,
      wanted: String(Math.max(Number(found ?? 0), least)),
      why: 'beyond about twenty servers, further ones die at their start',
    };
  });
  const fixed = fixedSettings(bridge).map(async ([key, wanted, why]): Promise<SettingFound> => ({
    key,
    found: await readSetting(key),
    wanted,
    why,
  }));
  const reserved = async (): Promise<SettingFound> => {
    const found = await readSetting(reservedKey);
    const have = parsePortRanges(found ?? '');
    const ours = blockRanges(plan, ownPorts);
    const wanted = includesPorts(have, ours) ? (found ?? '') : formatPortRanges([...have, ...ours]);
    return { key: reservedKey, found, wanted, why: 'programs of the host may take the ports of servers for outgoing connections' };
  };
  return Promise.all([...limits, ...fixed, reserved()]);
}

/** Those whose value is another than it should be, now. */
export function driftedSettings(settings: readonly SettingFound[]): readonly SettingFound[] {
  return settings.filter(({ found, wanted }) => found !== undefined && found !== wanted);
}

/** sysctl.d(5): a line that begins with "-" may fail. */
export function settingsText(settings: readonly SettingFound[]): string {
  const lines = settings.map(({ key, wanted }) => `-${key} = ${wanted}`);
  return `# Written by myserver: what servers need of the kernel. Run ./up again instead of changing it.\n${lines.join('\n')}\n`;
}

/** Applies what has drifted, now and not for the next boot: for a daemon's start, and for doctor. Says which keys were set. */
export async function settleSettings(wanted: SettingsWanted): Promise<readonly string[]> {
  const drifted = driftedSettings(await findSettings(wanted));
  for (const { key, wanted: value } of drifted) await writeSetting(key, value);
  return drifted.map(({ key }) => key);
}

/** After the bridge is there, for one setting is its own. */
export function settingsStep(wanted: SettingsWanted): HostStep {
  return {
    name: 'kernel settings',
    async check() {
      const settings = await findSettings(wanted);
      const drifted = driftedSettings(settings).map(({ key }) => key);
      const written = await readFile(settingsFile, 'utf8').catch(() => '');
      const isWritten = written === settingsText(settings);
      if (drifted.length === 0 && isWritten) return undefined;
      return drifted.length === 0 ? settingsFile : drifted.join(' ');
    },
    async apply() {
      const settings = await findSettings(wanted);
      await writeWhole(settingsFile, settingsText(settings));
      await settleSettings(wanted);
    },
  };
}
