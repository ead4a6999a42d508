/** Doctor's look at the machine itself: what `up` made and time, people or other programs undid. */
import { existsSync } from 'node:fs';
import { messageOf } from '../base/fault.ts';
import { fault } from '../core/errors.ts';
import type { Finding } from '../core/finding.ts';
import { preseedStep, preseedWanted, settingsWanted, type HostWanted } from './bring-up.ts';
import { answers, isLxcfsUp, startEngine } from './engine-service.ts';
import { findForeignRules } from './foreign-rules.ts';
import { makeIncusApi } from './incus-api.ts';
import { diskSpaceAt } from './pool-size.ts';
import { preseedSteps } from './preseed.ts';
import { driftedSettings, findSettings, settleSettings } from './settings.ts';
import { readSubordinateIds, subordinateIdsStep } from './subordinate-ids.ts';

export interface HostExaminer {
  examine(): Promise<readonly Finding[]>;
  /** Mends the finding of that code; says what was done. Throws `bad-request` for one that it cannot. */
  mend(finding: Pick<Finding, 'code' | 'subject'>): Promise<string>;
}

export interface HostExaminerOptions {
  readonly wanted: HostWanted;
  /** Name of our table: everybody else's rules are foreign. */
  readonly table: string;
  /** The store is there: a full disk there stops everything. */
  readonly stateDir: string;
}

const gib = 2 ** 30;

export function makeHostExaminer(options: HostExaminerOptions): HostExaminer {
  const { wanted, table, stateDir } = options;
  const looks: readonly (() => Promise<readonly Finding[]>)[] = [
    () => examineEngine(wanted),
    () => examineSettings(wanted),
    examineSubordinateIds,
    () => examineDisks([stateDir, wanted.incusDir]),
    () => findForeignRules({ ourTables: [table], bridge: wanted.bridge }),
  ];
  return {
    async examine() {
      const found = await Promise.all(looks.map((look) => look().catch((error: unknown) => [unseen(error)])));
      return found.flat();
    },
    mend: ({ code }) => mend(code, wanted),
  };
}

async function mend(code: string, wanted: HostWanted): Promise<string> {
  const signal = AbortSignal.timeout(600_000);
  switch (code) {
    case 'incus-down':
    case 'lxcfs-down':
      await startEngine(wanted);
      return 'Incus and lxcfs were started';
    case 'sysctl-drifted':
      return `set again: ${(await settleSettings(settingsWanted(wanted))).join(', ') || 'nothing, it was right already'}`;
    case 'subordinate-ids':
      await subordinateIdsStep().apply(signal);
      return '/etc/subuid and /etc/subgid have one line of root each; Incus reads them at its next start';
    case 'incus-drifted':
      await preseedStep(wanted).apply(signal);
      return 'the pool, bridge and project of myserver in Incus are as they should be';
    default:
      throw fault('bad-request', `"${code}" cannot be mended from here: do what its remedy says`);
  }
}

async function examineEngine(wanted: HostWanted): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  if (!(await isLxcfsUp())) {
    const found =
      'lxcfs is not running: memory and CPUs as seen inside servers are those of the whole host, and running servers may show errors in /proc';
    findings.push({
      code: 'lxcfs-down',
      severity: 'warning',
      subject: 'lxcfs',
      found,
      remedy: 'mend it; then restart the servers that show errors',
      canMend: true,
    });
  }
  if (!(await answers(wanted.socket))) {
    const found = `Incus does not answer at ${wanted.socket}; servers that run go on, and none can be created, started or stopped`;
    return [
      ...findings,
      {
        code: 'incus-down',
        severity: 'error',
        subject: 'incusd',
        found,
        remedy: 'mend it, or see its log: journalctl -u incus, /var/log/incus/incusd.log',
        canMend: true,
      },
    ];
  }
  const steps = await preseedSteps(makeIncusApi(wanted.socket), await preseedWanted(wanted));
  const drifted = steps.map(({ what, canWait }): Finding => {
    const found = 'this is missing in Incus, or was changed there by hand';
    return {
      code: 'incus-drifted',
      severity: canWait === true ? 'warning' : 'error',
      subject: what,
      found,
      remedy: 'mend it',
      canMend: true,
    };
  });
  return [...findings, ...drifted, ...(await examinePool(wanted))];
}

async function examinePool({ socket, pool }: HostWanted): Promise<readonly Finding[]> {
  const resources = await makeIncusApi(socket).ask<{ space: { used?: number; total: number } }>(
    'GET',
    `/1.0/storage-pools/${pool}/resources`,
  );
  if (resources === undefined) return [];
  const { used = 0, total } = resources.space;
  if (used < total * 0.9) return [];
  const found = `the servers' pool is ${Math.round((used / total) * 100)}% full (${(used / gib).toFixed(1)} of ${(total / gib).toFixed(1)} GiB)`;
  return [
    {
      code: 'pool-nearly-full',
      severity: used < total * 0.97 ? 'warning' : 'error',
      subject: `pool ${pool}`,
      found,
      remedy: `drop servers, or make it larger: incus storage set ${pool} size=...`,
      canMend: false,
    },
  ];
}

async function examineSettings(wanted: HostWanted): Promise<readonly Finding[]> {
  // Before the first start of Incus there is no bridge, and no setting of it: that is the engine's finding.
  const settings = await findSettings(settingsWanted(wanted));
  return driftedSettings(settings).map(({ key, found, wanted: value, why }) => ({
    code: 'sysctl-drifted',
    severity: key === 'net.ipv4.ip_forward' ? 'error' : 'warning',
    subject: key,
    found: `it is ${found === '' ? 'empty' : found} and should be ${value}: ${why}`,
    remedy: `mend it now; if it comes back, another file in /etc/sysctl.d or another program sets it`,
    canMend: true,
  }));
}

async function examineSubordinateIds(): Promise<readonly Finding[]> {
  const found = await readSubordinateIds();
  return found.flatMap(({ file, trouble }) =>
    trouble === undefined
      ? []
      : [
          {
            code: 'subordinate-ids',
            severity: 'error',
            subject: file,
            found: `${trouble}: servers do not start`,
            remedy: 'mend it, then restart Incus',
            canMend: true,
          },
        ],
  );
}

/** Once for each file system. */
async function examineDisks(paths: readonly string[]): Promise<readonly Finding[]> {
  const findings = new Map<string, Finding>();
  for (const path of paths.filter((one) => existsSync(one))) {
    const { totalBytes, freeBytes } = await diskSpaceAt(path);
    if (freeBytes >= Math.min(2 * gib, totalBytes * 0.1)) continue;
    const found = `${(freeBytes / gib).toFixed(2)} GiB of ${(totalBytes / gib).toFixed(1)} GiB are free; when nothing is, no change can be written down and myserver stops taking orders`;
    findings.set(`${totalBytes} ${freeBytes}`, {
      code: 'disk-nearly-full',
      severity: freeBytes < gib / 4 ? 'error' : 'warning',
      subject: path,
      found,
      remedy: 'make room on this file system',
      canMend: false,
    });
  }
  return [...findings.values()];
}

function unseen(error: unknown): Finding {
  return {
    code: 'not-examined',
    severity: 'warning',
    subject: 'the host',
    found: `a look at the host failed: ${messageOf(error)}`,
    remedy: 'see the log of control',
    canMend: false,
  };
}
