/**
 * The firewall on nftables. A `set` replaces both our tables in one transaction of nft text from a file (JSON input breaks nft 1.0.6, and Node's pipes are
 * sockets, which `nft -f -` refuses). No deltas: all of 3,000 ports take about 50 ms, and one way of doing it cannot drift from another.
 *
 * What the kernel made of the rules is remembered beside the rules' own fingerprint in a file of the run directory, so that another process, or this one
 * after a restart, can tell whether the kernel still holds what was set. The file goes at reboot, as the rules do.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import { fault } from '../../core/errors.ts';
import { ipv4Number } from '../../core/ipv4.ts';
import { clearText, rulesetText } from '../../core/ruleset.ts';
import type { Firewall } from '../firewall.ts';
import { endLinkLocalLearning, learnsFromLinkLocal } from './link-local-learning.ts';
import { fingerprintOfListings } from './listing.ts';
import { complaint, runProgram } from './program.ts';

export interface NftFirewallOptions {
  /** The table that `clear` takes away; every ruleset given to `set` names the same. */
  readonly table: string;
  /** A directory of control's own on a file system that is empty after a reboot: `/run/myserver`. Made when absent. */
  readonly runDir: string;
  /** A file that always holds the rules set last, for `nft -f` at boot, before any server runs. */
  readonly keepAt?: string;
  readonly log: Log;
  /** Words before the program: `nsenter --net=/run/netns/x` for a host that is a namespace. */
  readonly enter?: readonly string[];
}

/** Two fingerprints: of the text that was loaded, and of the listing that the kernel gave at once after it. */
interface Memory {
  readonly wanted: string;
  readonly listed: string;
}

export function makeNftFirewall({ table, runDir, keepAt, log, enter = [] }: NftFirewallOptions): Firewall {
  const memoryPath = join(runDir, `firewall-${table}.json`);
  /** Changes are made one after the other: the last `set` called is the one that stands. */
  let queue: Promise<unknown> = Promise.resolve();
  let files = 0;

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = queue.then(work);
    queue = done.catch(() => {});
    return done;
  }

  async function load(text: string, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) throw fault('cancelled', 'the change of the packet rules was cancelled');
    await mkdir(runDir, { recursive: true, mode: 0o700 });
    files += 1;
    const path = join(runDir, `ruleset-${process.pid}-${files}.nft`);
    try {
      await writeFile(path, text, { mode: 0o600 });
      const ran = await runProgram([...enter, 'nft', '-f', path], signal);
      if (ran.exitCode !== 0) throw fault('firewall-failed', `nft refused the rules, and the former ones still stand: ${complaint(ran)}`);
    } finally {
      await rm(path, { force: true });
    }
  }

  /** Undefined when one of our tables is missing. */
  async function listed(signal: AbortSignal | undefined): Promise<string | undefined> {
    const families = ['inet', 'bridge'].map((family) => runProgram([...enter, 'nft', '-j', 'list', 'table', family, table], signal));
    const ran = await Promise.all(families);
    return ran.every(({ exitCode }) => exitCode === 0) ? fingerprintOfListings(ran.map(({ stdout }) => stdout)) : undefined;
  }

  async function remember(text: string, signal: AbortSignal | undefined): Promise<void> {
    const found = await listed(signal);
    if (found === undefined) throw fault('firewall-failed', `nft loaded the table ${table}, and the kernel does not list it`);
    const memory: Memory = { wanted: sha256(text), listed: found };
    await writeWhole(memoryPath, JSON.stringify(memory));
  }

  return {
    set: (ruleset, signal) =>
      inTurn(async () => {
        if (ruleset.table !== table)
          throw fault('internal', `this firewall keeps the table ${table}, and the rules are for ${ruleset.table}`);
        const text = rulesetText(ruleset);
        await endLinkLocalLearning(enter, ruleset.bridge, signal);
        await load(text, signal);
        if (keepAt !== undefined) await writeDown(keepAt, text, log);
        await remember(text, signal);
      }),

    matches: (ruleset, signal) =>
      inTurn(async () => {
        const memory = await readMemory(memoryPath);
        if (keepAt !== undefined && !existsSync(keepAt)) return false;
        if (memory?.wanted !== sha256(rulesetText(ruleset)) || memory.listed !== (await listed(signal))) return false;
        return !(await learnsFromLinkLocal(enter, ruleset.bridge, signal));
      }),

    stands: (signal) => inTurn(async () => (await listed(signal)) !== undefined),

    async cut(address, privatePort, signal) {
      if (ipv4Number(address) === undefined) throw fault('internal', `"${address}" is not a private address`);
      for (const side of flowsOf(address, privatePort)) {
        const ran = await runProgram([...enter, 'conntrack', '-D', ...side], signal);
        // It also fails when there was nothing to delete.
        const isDone = ran.exitCode === 0 || /\b0 flow entries have been deleted/u.test(ran.stderr);
        if (!isDone) throw fault('firewall-failed', `the open connections of ${address} could not be cut: ${complaint(ran)}`);
        if (ran.exitCode === 0) log.info({ address, side }, 'cut open connections');
      }
    },

    clear: (signal) =>
      inTurn(async () => {
        await load(clearText(table), signal);
        await rm(memoryPath, { force: true });
        if (keepAt !== undefined) await rm(keepAt, { force: true });
      }),
  };
}

/**
 * Of an address: begun by the server, and begun by others, where the server is who answers, whatever address they called. Of one port of it: what came in
 * through a public one; what this host itself or a neighbour has with that port goes on.
 */
function flowsOf(address: string, port: number | undefined): readonly (readonly string[])[] {
  if (port === undefined) return ['--orig-src', '--reply-src'].map((side) => [side, address]);
  return ['tcp', 'udp'].map((protocol) => ['-p', protocol, '--dst-nat', '--reply-src', address, '--reply-port-src', String(port)]);
}

/** A disk that takes nothing is no reason to be without rules now. */
async function writeDown(path: string, text: string, log: Log): Promise<void> {
  await writeWhole(path, text).catch((error: unknown) => {
    log.warn({ path, error: messageOf(error) }, 'the packet rules are set and could not be written down for the next boot');
  });
}

/** All or nothing, and flushed: what is left after a power cut is either the former text or this one. */
async function writeWhole(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

async function readMemory(path: string): Promise<Partial<Memory> | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    // Absent after a reboot, half written when the machine died: nobody knows what the kernel holds, and the next set makes it known.
    return undefined;
  }
}
