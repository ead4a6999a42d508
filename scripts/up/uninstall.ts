/**
 * Takes away what `up` made. Servers go only when they are named; as long as one is left, so do its pool, its network and the store that says whose it
 * is, and a later `./up` finds all of it again. Packages of the distribution stay: others may use them by now.
 */
import { existsSync } from 'node:fs';
import { readdir, rm, rmdir } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { dirname } from 'node:path';
import { silentLog } from '../../src/base/log.ts';
import { parseIds } from '../../src/commands/arguments.ts';
import { fault } from '../../src/core/errors.ts';
import { type Config, defaultConfigPath, loadConfig, rulesFile } from '../../src/daemon/config.ts';
import { edgeFiles } from '../../src/daemon/edge-kind.ts';
import { hostWantedOf } from '../../src/daemon/host-wanted.ts';
import { answers, lxcfsAllowance, startEngine } from '../../src/host/engine-service.ts';
import { makeIncusApi } from '../../src/host/incus-api.ts';
import { hasSystemd } from '../../src/host/init-system.ts';
import { tryProgram } from '../../src/host/program.ts';
import { settingsFile } from '../../src/host/settings.ts';
import { makeHaproxyDaemon } from '../../src/network/haproxy/process.ts';
import { makeNftFirewall } from '../../src/network/nft/nft-firewall.ts';
import { stopControl } from './control-service.ts';
import { removeGatewayAccount, stopGateway } from './gateway-service.ts';
import { askManager, showManager } from './manager.ts';
import { places } from './places.ts';
import { say } from './report.ts';

export interface UninstallOptions {
  /** `123,124,130-140`. */
  readonly servers: string | undefined;
  readonly isAgreed: boolean;
  readonly signal: AbortSignal;
}

export async function uninstall({ servers, isAgreed, signal }: UninstallOptions): Promise<void> {
  const config = await loadConfig(defaultConfigPath);
  const there = existsSync(places.launcher) ? await listServers(signal) : [];
  const named = servers ?? '';
  const dropped = isAgreed ? idsIn(named, there) : await agree(named, there);
  if (dropped === undefined) {
    say('Nothing was changed.');
    return;
  }
  if (dropped.length > 0) await showManager(['drop', '--yes', dropped.join(',')]);
  await stopGateway();
  await stopControl();
  await makeHaproxyDaemon({ files: edgeFiles(config) }).stop();
  const left = await instancesLeft(config);
  await makeNftFirewall({ table: config.firewall.table, runDir: config.runDir, keepAt: rulesFile(config), log: silentLog }).clear();
  for (const path of [
    places.launcher,
    places.library,
    settingsFile,
    config.runDir,
    config.cacheDir,
    config.web.socketDir,
    edgeFiles(config).dir,
    places.logDir,
  ]) {
    await rm(path, { recursive: true, force: true });
  }
  // A later account could get the number of the one that they belong to.
  await rm(config.gateway.recordings.dir, { recursive: true, force: true });
  await rmdir(dirname(config.gateway.recordings.dir)).catch(() => {
    // It was never made, or others have something in it.
  });
  await removeGatewayAccount(config);
  if (left === 0) await removeRest(config);
  tellLeft(config, left);
}

async function listServers(signal: AbortSignal): Promise<readonly number[]> {
  try {
    const rows = await askManager<readonly { id: number }[]>(['list'], signal);
    return rows.map(({ id }) => id);
  } catch {
    // Control is dead: then nothing can be dropped, and everything of the servers stays.
    return [];
  }
}

function idsIn(text: string, there: readonly number[]): readonly number[] {
  const words = text.split(/\s+/u).filter(Boolean);
  const parts = words.flatMap((word) => word.split(',')).filter(Boolean);
  return parts.flatMap((part) => {
    const named: readonly number[] = parseIds([part]);
    const found = named.filter((id) => there.includes(id));
    // Of a range, those that there are; an ID alone is meant.
    if (found.length > 0) return found;
    const others =
      there.length === 0
        ? 'none is to be found here: "./up" brings back what was taken down, then try again'
        : `the servers here are: ${there.join(', ')}`;
    throw fault('no-such-server', `--servers names ${part}, and ${others}`);
  });
}

/** Undefined: no. */
async function agree(named: string, there: readonly number[]): Promise<readonly number[] | undefined> {
  if (!process.stdin.isTTY) throw fault('bad-request', 'taking myserver away asks first, and there is no terminal to ask at: add --yes');
  const asker = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await asker.question('Take myserver off this machine? Type yes: ');
    if (answer.trim() !== 'yes') return undefined;
    if (named !== '' || there.length === 0) return idsIn(named, there);
    say(`The servers ${there.join(', ')} stay as they are, unless you name them.`);
    return idsIn(await asker.question('Servers to destroy with everything on them (IDs, or nothing): '), there);
  } finally {
    asker.close();
  }
}

/** Ours and strangers' in our project; undefined where Incus cannot tell, and then everything stays. */
async function instancesLeft(config: Config): Promise<number | undefined> {
  const wanted = hostWantedOf(config);
  try {
    if (!(await answers(wanted.socket))) await startEngine(wanted);
    const names = await makeIncusApi(wanted.socket).ask<readonly string[]>('GET', `/1.0/instances?project=${wanted.project}`);
    return names?.length ?? 0;
  } catch {
    return undefined;
  }
}

/** With no server left, nothing here is worth keeping. */
async function removeRest(config: Config): Promise<void> {
  const { socket, project, pool, network } = config.engine;
  const api = makeIncusApi(socket);
  const images = (await api.ask<readonly string[]>('GET', `/1.0/images?project=${project}`)) ?? [];
  for (const image of images) await api.ask('DELETE', `${image.split('?', 1)[0]}?project=${project}`);
  await api.ask('DELETE', `/1.0/projects/${project}`);
  await api.ask('DELETE', `/1.0/networks/${network}`);
  await api.ask('DELETE', `/1.0/storage-pools/${pool}`);
  await stopEngine(socket);
  await rm(config.stateDir, { recursive: true, force: true });
  await rm(lxcfsAllowance, { force: true });
  await rmdir(dirname(lxcfsAllowance)).catch(() => {
    // It was never made, or others have something in it.
  });
  await rm(defaultConfigPath, { force: true });
  const configDir = dirname(defaultConfigPath);
  if ((await readdir(configDir).catch(() => ['?'])).length === 0) await rm(configDir, { recursive: true });
}

/** Where we started Incus ourselves and nobody else has anything in it. systemd's units are the distribution's, and stay. */
async function stopEngine(socket: string): Promise<void> {
  const api = makeIncusApi(socket);
  // Incus writes an empty list as null.
  const listAt = async (what: string) => (await api.ask<readonly string[] | null>('GET', `/1.0/${what}`)) ?? [];
  const things = [...(await listAt('instances?all-projects=true')), ...(await listAt('storage-pools'))];
  if (hasSystemd() || things.length > 0) return;
  await tryProgram(['incus', 'admin', 'shutdown', '--timeout', '30'], { env: { INCUS_SOCKET: socket } });
  await tryProgram(['umount', '/var/lib/lxcfs']);
}

function tellLeft({ stateDir, engine }: Config, left: number | undefined): void {
  say('myserver is taken off this machine.');
  if (left !== 0) {
    const whose = left === undefined ? 'Incus did not answer, so what it holds' : `${left} server${left === 1 ? '' : 's'}`;
    say(
      `${whose} stayed, with the pool ${engine.pool} and network ${engine.network} in Incus, ${stateDir} and ${defaultConfigPath}; "./up" finds them again.`,
    );
    say('Nothing forwards ports to them now.');
  }
  say(
    'Kept: the packages of the distribution (Incus among them), its apt source, and kernel settings until the next start of this machine.',
  );
}
