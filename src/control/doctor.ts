/** Doctor: everything that is not as it should be, in one list, with what can be done about it here and now. */
import { fault } from '../core/errors.ts';
import type { Finding } from '../core/finding.ts';
import type { ServerId } from '../core/ids.ts';
import { type Caller, originOf, requireAdministrator } from './caller.ts';
import type { Diagnosis, DoctorVerbs, FindingAction } from './control.ts';
import {
  certificatesEnding,
  diagnosis,
  edgeAway,
  engineAway,
  gatewayAway,
  mismatch,
  rulesFound,
  serversInTrouble,
  strangerFound,
} from './findings.ts';
import type { WebRoutes } from './web/web-routes.ts';
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
  readonly isGatewayAway: () => boolean;
  /** Why the edge that control drives is not in step; undefined: it is, or there is none. */
  readonly edgeTrouble: () => string | undefined;
  readonly web: Pick<WebRoutes, 'state'>;
  /** A whole pass of the reconciler. */
  readonly pass: () => Promise<void>;
}

export function makeDoctorVerbs(parts: DoctorParts): DoctorVerbs {
  const { store, world, rules, host, pass, isGatewayAway, edgeTrouble, web, clock } = parts;

  async function planFindings(): Promise<readonly Finding[]> {
    const leased = new Set((await store.servers.list()).map(({ id }) => id));
    return await host.checkPlan(leased);
  }

  async function everything(): Promise<readonly Diagnosis[]> {
    await world.refresh().catch(() => {});
    const trouble = world.trouble();
    const last = world.last();
    const isInStep = await rules.isInStep().catch(() => false);
    const records = await store.servers.list();
    const edge = edgeTrouble();
    const findings = [
      ...(trouble === undefined ? [] : [engineAway(trouble)]),
      ...(last?.isMismatch === true ? [mismatch(last.strangers.length)] : []),
      // Under a store that is not this engine's, rules made from it would close servers that nobody has decided about.
      ...(isInStep || last?.isMismatch === true ? [] : [rulesFound]),
      ...(isGatewayAway() ? [gatewayAway] : []),
      ...(edge === undefined ? [] : [edgeAway(edge)]),
      ...certificatesEnding(web.state().certificates, clock.now()),
      ...serversInTrouble(records),
      ...(await planFindings()),
      ...(await host.examine()),
    ];
    return [...findings.map((finding) => diagnosis(finding)), ...(last?.strangers ?? []).map(strangerFound)];
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
      const done = action === 'mend' ? await mend(found) : await treatStranger(parts, caller, found.subject, action, owner);
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

async function treatStranger(
  parts: DoctorParts,
  caller: Caller,
  name: string,
  action: Exclude<FindingAction, 'mend'>,
  owner: string | undefined,
): Promise<string> {
  const stranger = (parts.world.last()?.strangers ?? []).find((candidate) => candidate.name === name);
  if (stranger === undefined) throw fault('no-such-finding', `the instance ${name} is not there any more`);
  const done = action === 'adopt' ? await adoptStranger(parts, caller, stranger, owner) : await discardStranger(parts, caller, stranger);
  await parts.pass();
  return done;
}
