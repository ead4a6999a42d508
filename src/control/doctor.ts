/** Doctor: everything that is not as it should be, in one list, with what can be done about it here and now. */
import { fault } from '../core/errors.ts';
import type { Finding } from '../core/finding.ts';
import type { ServerId } from '../core/ids.ts';
import type { Stranger } from '../core/reconcile.ts';
import { type Caller, originOf, requireAdministrator } from './caller.ts';
import type { Diagnosis, DoctorVerbs, FindingAction } from './control.ts';
import { adoptStranger, discardStranger } from './servers/strangers.ts';
import type { ServerParts } from './servers/settings.ts';

/** The host's own checks, done by who can touch it. */
export interface HostDoctor {
  examine(): Promise<readonly Finding[]>;
  /** Mends the finding of that code and subject; says what was done. */
  mend(finding: Finding): Promise<string>;
  /** Collisions of the plan with itself and with this host. */
  checkPlan(leased: ReadonlySet<ServerId>): Promise<readonly Finding[]>;
}

export interface DoctorParts extends ServerParts {
  readonly host: HostDoctor;
  /** A whole pass of the reconciler. */
  readonly pass: () => Promise<void>;
}

export function makeDoctorVerbs(parts: DoctorParts): DoctorVerbs {
  const { store, world, rules, host, pass } = parts;

  async function planFindings(): Promise<readonly Finding[]> {
    const leased = new Set((await store.servers.list()).map(({ id }) => id));
    return await host.checkPlan(leased);
  }

  async function serverFindings(): Promise<readonly Finding[]> {
    const records = await store.servers.list();
    return records.flatMap(({ id, problem }) =>
      problem === undefined
        ? []
        : [
            {
              code: 'server-problem',
              severity: 'warning' as const,
              subject: `server ${id}`,
              found: `Server ${id} is not as it should be: ${problem}.`,
              remedy: 'Mending tries again to make it match the store.',
              canMend: true,
            },
          ],
    );
  }

  async function everything(): Promise<readonly Diagnosis[]> {
    await world.refresh().catch(() => {});
    const trouble = world.trouble();
    const findings: Diagnosis[] = [];
    if (trouble !== undefined) {
      findings.push(
        diagnosis({
          code: 'engine-away',
          severity: 'error',
          subject: 'the engine',
          found: `The engine does not answer: ${trouble}.`,
          remedy: 'Start it; control goes on by itself as soon as it answers.',
          canMend: false,
        }),
      );
    }
    const last = world.last();
    if (last?.isMismatch === true) findings.push(diagnosis(mismatch(last.strangers.length)));
    for (const stranger of last?.strangers ?? []) findings.push(strangerFound(stranger));
    if (!(await rules.isInStep().catch(() => false))) findings.push(diagnosis(rulesFound));
    for (const finding of [...(await serverFindings()), ...(await planFindings()), ...(await host.examine())])
      findings.push(diagnosis(finding));
    return findings;
  }

  async function mend(found: Diagnosis): Promise<string> {
    switch (found.code) {
      case 'rules-out-of-step':
        await rules.settle();
        return 'the packet rules were set again from the store';
      case 'server-problem':
        await pass();
        return `${found.subject} was looked at again; "myserver list" shows what came of it`;
      default:
        return await host.mend(found);
    }
  }

  async function act(caller: Caller, found: Diagnosis, action: FindingAction, owner: string | undefined): Promise<string> {
    if (action === 'mend') return await mend(found);
    const stranger = (world.last()?.strangers ?? []).find(({ name }) => name === found.subject);
    if (stranger === undefined) throw fault('no-such-finding', `the instance ${found.subject} is not there any more`);
    const done = action === 'adopt' ? await adoptStranger(parts, caller, stranger, owner) : await discardStranger(parts, caller, stranger);
    await pass();
    return done;
  }

  return {
    async examine(caller) {
      requireAdministrator(caller, 'ask the doctor');
      return await everything();
    },

    async treat(caller, id, action, { owner }) {
      requireAdministrator(caller, 'treat what the doctor finds');
      const found = (await everything()).find((candidate) => candidate.id === id);
      if (found === undefined)
        throw fault('no-such-finding', `the doctor finds no "${id}" (any more); "myserver doctor" shows what stands`);
      if (!found.actions.includes(action)) {
        const can = found.actions.length === 0 ? 'nothing' : found.actions.join(' or ');
        throw fault('bad-request', `"${action}" does not go with ${id}; what goes is ${can}. ${found.remedy}`);
      }
      const done = await act(caller, found, action, owner);
      await store.audit.append({
        ...originOf(caller),
        deed: `doctor-${action}`,
        server: undefined,
        allowed: true,
        detail: `${id}: ${done}`,
      });
      return done;
    },

    async checkPlan(caller) {
      requireAdministrator(caller, 'check the plan');
      return (await planFindings()).map((finding) => diagnosis(finding));
    },
  };
}

function diagnosis(finding: Finding, actions: readonly FindingAction[] = finding.canMend ? ['mend'] : []): Diagnosis {
  return { ...finding, id: `${finding.code}:${finding.subject}`, actions };
}

const rulesFound: Finding = {
  code: 'rules-out-of-step',
  severity: 'error',
  subject: 'the packet rules',
  found: 'The packet rules in the kernel are not what the store asks for: somebody changed them by hand, or nft failed.',
  remedy: 'Mending sets them again as a whole; it also happens by itself within half a minute.',
  canMend: true,
};

function mismatch(count: number): Finding {
  return {
    code: 'installation-mismatch',
    severity: 'error',
    subject: 'the store',
    found: `The engine holds ${count} instances of another installation and none of this one, as after a lost store: nothing is changed, so that nobody loses anything.`,
    remedy: 'Put the right store back, or adopt or discard each of the instances named below.',
    canMend: false,
  };
}

function strangerFound({ name, why, id }: Stranger): Diagnosis {
  const found = {
    untagged: `The engine holds the instance ${name}, which myserver did not make.`,
    'other-installation': `The engine holds the instance ${name} (ID ${id}), made by another installation of myserver.`,
    'unknown-generation': `The engine holds the instance ${name} (ID ${id}), which this store made but does not know, as after an older copy was put back.`,
  }[why];
  const finding: Finding = {
    code: 'instance-unknown',
    severity: 'warning',
    subject: name,
    found: `${found} It is kept, and closed to the outside.`,
    remedy:
      why === 'untagged'
        ? 'Remove it with the engine’s own tools if nobody needs it.'
        : `"myserver doctor adopt ${name} --owner NAME" makes it a server again, "myserver doctor discard ${name}" destroys it.`,
    canMend: false,
  };
  return diagnosis(finding, why === 'untagged' ? [] : ['adopt', 'discard']);
}
