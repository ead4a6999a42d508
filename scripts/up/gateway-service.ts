/** The gateway as a daemon under an account of its own: a unit of systemd's, or kept running by our small supervisor where there is none. */
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fault } from '../../src/core/errors.ts';
import { groupOfUser } from '../../src/daemon/account.ts';
import type { Config } from '../../src/daemon/config.ts';
import { defaultRecordingsDir } from '../../src/daemon/gateway-config.ts';
import { hasSystemd } from '../../src/host/init-system.ts';
import { writeWhole } from '../../src/host/packages.ts';
import { runProgram, tryProgram } from '../../src/host/program.ts';
import type { HostStep } from '../../src/host/step.ts';
import { lookAt, rootSocket } from './control-service.ts';
import { gatewayUnit, places, root } from './places.ts';

export interface BastionPlace {
  readonly host: string;
  readonly port: number;
  /** OpenSSH lines. */
  readonly hostKeys: readonly string[];
}

const supervise = join(places.library, 'supervise');
const unitPath = join(places.units, gatewayUnit);
const defaultUser = 'myserver-gateway';
const readyMs = 30_000;
/** Only with them gone may the gateway be said to be without rights (capabilities(7)). */
const onlyLowPorts = ['--inh-caps', '--ambient-caps', '--bounding-set'].map((name) => `${name}=-all,+net_bind_service`);

/** Before control starts: it opens a door to this account. */
export function gatewayAccountStep({ gateway, bastion }: Config): HostStep {
  return {
    name: 'gateway account',
    check: async () => (!bastion.isEnabled || (await groupOfUser(gateway.user)) !== undefined ? undefined : gateway.user),
    apply: async (signal) => {
      await runProgram(['useradd', '--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', gateway.user], {
        signal,
      });
    },
  };
}

/** `isOutdated`: whether what runs now is an older program than the one installed. */
export function gatewayStep(config: Config, isOutdated: () => boolean): HostStep {
  return {
    name: 'gateway',
    async check() {
      const isKept = await isRunning();
      if (!config.bastion.isEnabled) return isKept ? 'the configuration says that there is none' : undefined;
      if (!isKept) return 'it is not running';
      if (hasSystemd() && (await readFile(unitPath, 'utf8').catch(() => '')) !== (await unitText(config))) return 'its unit';
      if (!(await listensSoon(config))) return 'it does not listen';
      return isOutdated() ? 'what runs is the former program' : undefined;
    },
    async apply(signal) {
      if (!config.bastion.isEnabled) return await stopGateway();
      await (hasSystemd() ? startUnit(config, signal) : startSupervised(config, signal));
      const deadline = Date.now() + readyMs;
      while ((await bastionOf(config)) === undefined) {
        signal.throwIfAborted();
        if (Date.now() > deadline)
          throw fault(
            'control-unreachable',
            `the gateway was started and does not listen after ${readyMs / 1000} s; its log says: ${await lastWords()}`,
          );
        await sleep(100);
      }
    },
  };
}

/** A control that was just started hears from the gateway within a second. */
async function listensSoon(config: Config): Promise<boolean> {
  const deadline = Date.now() + 3000;
  while ((await bastionOf(config)) === undefined) {
    if (Date.now() > deadline) return false;
    await sleep(100);
  }
  return true;
}

/** Where people come in over SSH, as control knows it by now. */
export async function bastionOf(config: Config): Promise<BastionPlace | undefined> {
  return (await planOf(config))?.bastion ?? undefined;
}

/** The portal's origin. */
export async function portalOf(config: Config): Promise<string | undefined> {
  return (await planOf(config))?.web?.portal ?? undefined;
}

async function planOf(config: Config) {
  type Told = { readonly bastion: BastionPlace | null; readonly web: { readonly portal: string | null } | null };
  return await lookAt<Told>(rootSocket(config), '/plan').catch(() => undefined);
}

export async function stopGateway(): Promise<void> {
  if (hasSystemd()) await tryProgram(['systemctl', 'disable', '--now', gatewayUnit]);
  if (existsSync(supervise)) await tryProgram([supervise, 'stop', 'gateway']);
  await rm(unitPath, { force: true });
  if (hasSystemd()) await tryProgram(['systemctl', 'daemon-reload']);
}

export async function removeGatewayAccount({ gateway }: Config): Promise<void> {
  // One that the administrator named was there before us.
  if (gateway.user === defaultUser && (await groupOfUser(defaultUser)) !== undefined) await tryProgram(['userdel', defaultUser]);
}

async function isRunning(): Promise<boolean> {
  const asked = hasSystemd() ? ['systemctl', 'is-active', '--quiet', gatewayUnit] : [supervise, 'status', 'gateway'];
  return existsSync(places.library) && (await tryProgram(asked)).exitCode === 0;
}

/** A reload keeps live sessions; a unit that changed needs a restart. */
async function startUnit(config: Config, signal: AbortSignal): Promise<void> {
  const text = await unitText(config);
  const isSame = (await readFile(unitPath, 'utf8').catch(() => '')) === text;
  if (!isSame) {
    await writeWhole(unitPath, text);
    await runProgram(['systemctl', 'daemon-reload'], { signal });
  }
  await runProgram(['systemctl', 'enable', gatewayUnit], { signal });
  await runProgram(['systemctl', isSame ? 'reload-or-restart' : 'restart', gatewayUnit], { signal });
}

async function startSupervised({ gateway }: Config, signal: AbortSignal): Promise<void> {
  if (await isRunning()) {
    await runProgram([supervise, 'reload', 'gateway'], { signal });
    return;
  }
  const account = [`--reuid=${gateway.user}`, `--regid=${String(await groupOfUser(gateway.user))}`, '--clear-groups', '--no-new-privs'];
  await runProgram([supervise, 'start', 'gateway', 'setpriv', ...account, ...onlyLowPorts, places.launcher, 'gateway'], { signal });
}

/** Of what is written in the repository, the account and the place of recordings are this machine's. */
async function unitText({ gateway }: Config): Promise<string> {
  const text = await readFile(join(root, 'packaging', gatewayUnit), 'utf8');
  return text
    .replaceAll(`=${defaultUser}\n`, `=${gateway.user}\n`)
    .replaceAll(`=-${defaultRecordingsDir}\n`, `=-${gateway.recordings.dir}\n`);
}

async function lastWords(): Promise<string> {
  const log = hasSystemd()
    ? (await tryProgram(['journalctl', '-u', gatewayUnit, '-n', '3', '-o', 'cat'])).stdout
    : await readFile(join(places.logDir, 'gateway.log'), 'utf8').catch(() => 'nothing');
  return log.trim().split('\n').slice(-3).join(' | ');
}
