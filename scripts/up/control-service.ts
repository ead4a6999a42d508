/** Control as a daemon: a unit of systemd's, or kept running by our small supervisor where there is none. */
import { existsSync } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fault } from '../../src/core/errors.ts';
import { groupOfUser } from '../../src/daemon/account.ts';
import { defaultStateDir, rulesFile, type Config } from '../../src/daemon/config.ts';
import { edgeFiles } from '../../src/daemon/edge-kind.ts';
import { gatewaySocketPath } from '../../src/daemon/gateway-socket.ts';
import { hasSystemd } from '../../src/host/init-system.ts';
import { writeWhole } from '../../src/host/packages.ts';
import { runProgram, tryProgram } from '../../src/host/program.ts';
import type { HostStep } from '../../src/host/step.ts';
import { controlUnit, edgeUnit, places, root, rulesUnit } from './places.ts';

/** Opening the store, asking Incus and setting the rules takes about a second; a thousand servers after a crash take longer. */
const readyMs = 60_000;
const supervise = join(places.library, 'supervise');

export function rootSocket({ runDir }: Config): string {
  return join(runDir, 'root.sock');
}

/** `isOutdated`: whether what runs now is an older program than the one installed. */
export function controlStep(config: Config, isOutdated: () => boolean): HostStep {
  return {
    name: 'control',
    async check() {
      if (hasSystemd() && !(await areUnitsWritten(config))) return 'its units';
      if (!(await answersAt(rootSocket(config)))) return 'it is not running';
      if (!hasSystemd() && (await tryProgram([supervise, 'status', 'control'])).exitCode !== 0) return 'nobody keeps it running';
      if (hasSystemd() && !(await areEnabled())) return 'it would not start at the next boot';
      if (!(await hasDoorForGateway(config))) return "it keeps no door for the gateway's account";
      return isOutdated() ? 'what runs is the former program' : undefined;
    },
    async apply(signal) {
      if (hasSystemd()) {
        for (const unit of units) await writeWhole(join(places.units, unit), await unitText(unit, config));
        await runProgram(['systemctl', 'daemon-reload'], { signal });
        await runProgram(['systemctl', 'enable', ...units], { signal });
        await runProgram(['systemctl', 'restart', controlUnit], { signal });
      } else {
        if (isOutdated() || !(await hasDoorForGateway(config))) await runProgram([supervise, 'stop', 'control'], { signal });
        await runProgram([supervise, 'start', 'control', places.launcher, 'control'], { signal });
      }
      const deadline = Date.now() + readyMs;
      while (!(await answersAt(rootSocket(config)))) {
        signal.throwIfAborted();
        if (Date.now() > deadline)
          throw fault(
            'control-unreachable',
            `control was started and does not answer after ${readyMs / 1000} s; its log says: ${await lastWords()}`,
          );
        await sleep(100);
      }
      // After control, which has written them down by now.
      if (hasSystemd()) await runProgram(['systemctl', 'start', rulesUnit], { signal });
    },
  };
}

/** Control opens it at its start, for the account that there is then. */
async function hasDoorForGateway({ bastion, gateway, runDir }: Config): Promise<boolean> {
  if (!bastion.isEnabled) return true;
  const door = await stat(gatewaySocketPath(runDir)).catch(() => undefined);
  return door !== undefined && door.gid === (await groupOfUser(gateway.user));
}

export async function stopControl(): Promise<void> {
  if (hasSystemd()) for (const unit of units) await tryProgram(['systemctl', 'disable', '--now', unit]);
  if (existsSync(supervise)) await tryProgram([supervise, 'stop', 'control']);
  for (const unit of units) await rm(join(places.units, unit), { force: true });
  if (hasSystemd()) await tryProgram(['systemctl', 'daemon-reload']);
}

const units = [controlUnit, rulesUnit, edgeUnit] as const;

/** Of what is written in the repository, the places are this machine's. */
async function unitText(unit: string, config: Config): Promise<string> {
  const text = await readFile(join(root, 'packaging', unit), 'utf8');
  return text
    .replaceAll(rulesFile({ stateDir: defaultStateDir }), rulesFile(config))
    .replaceAll(edgeFiles({ stateDir: defaultStateDir }).dir, edgeFiles(config).dir);
}

async function areUnitsWritten(config: Config): Promise<boolean> {
  const written = async (unit: string) =>
    (await readFile(join(places.units, unit), 'utf8').catch(() => '')) === (await unitText(unit, config));
  return (await Promise.all(units.map(written))).every(Boolean);
}

async function areEnabled(): Promise<boolean> {
  // Its exit code speaks of any of them.
  const { stdout } = await tryProgram(['systemctl', 'is-enabled', ...units]);
  return (
    stdout
      .trim()
      .split('\n')
      .filter((line) => line === 'enabled').length === units.length
  );
}

async function lastWords(): Promise<string> {
  const log = hasSystemd()
    ? (await tryProgram(['journalctl', '-u', controlUnit, '-n', '3', '-o', 'cat'])).stdout
    : await readFile(join(places.logDir, 'control.log'), 'utf8').catch(() => 'nothing');
  return log.trim().split('\n').slice(-3).join(' | ');
}

async function answersAt(socketPath: string): Promise<boolean> {
  return lookAt(socketPath, '/health').then(
    () => true,
    () => false,
  );
}

/** What control answers to a `GET`, as root. Rejects when it does not, or refuses. For looks alone: deeds go through the installed `myserver`. */
export function lookAt<T>(socketPath: string, path: string): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const call = request({ socketPath, path: `/api/v1${path}`, timeout: 10_000 }, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.once('error', reject);
    response.once('end', () => {
      const text = Buffer.concat(chunks).toString();
      if (response.statusCode === 200) resolve(JSON.parse(text) as T);
      else reject(fault('control-unreachable', `control was asked for ${path} and answered: ${text}`));
    });
  });
  call.once('error', reject);
  call.once('timeout', () => call.destroy(new Error('control does not answer')));
  call.end();
  return promise;
}
