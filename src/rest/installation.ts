/** Calls about the installation as a whole: health, plan, doctor, audit. */
import { fault } from '../core/errors.ts';
import { shorten } from '../core/ids.ts';
import type { FindingAction } from '../control/control.ts';
import type { HandlerParts, Handlers } from './handler.ts';
import { knownBy } from './known-hosts.ts';
import { auditLineView, findingView } from './views.ts';

const actions = ['mend', 'adopt', 'discard'] as const satisfies readonly FindingAction[];

export function installationHandlers({
  control,
  people,
  views,
  hostKeys,
}: HandlerParts): Pick<Handlers, 'health' | 'getPlan' | 'listHostKeys' | 'checkPlan' | 'doctor' | 'treatFinding' | 'listAudit' | 'backup'> {
  return {
    health: () => Promise.resolve({ ok: true, version: control.facts.version }),
    getPlan: () => Promise.resolve(views.plan()),
    listHostKeys: async ({ query: { host } }) => knownBy(await hostKeys(), host),
    checkPlan: async ({ caller }) => ({ findings: (await control.doctor.checkPlan(caller)).map(findingView) }),
    doctor: async ({ caller }) => ({ findings: (await control.doctor.examine(caller)).map(findingView) }),
    async treatFinding({ caller, params, body }) {
      const action = actions.find((known) => known === params.action);
      if (action === undefined)
        throw fault('bad-request', `"${shorten(params.action)}" cannot be done to a finding: ${actions.join(', ')} can`);
      return { done: await control.doctor.treat(caller, params.id, action, body) };
    },
    async backup({ caller, body }) {
      await control.backup.write(caller, body.path, { replaces: body.force ?? false });
      return undefined;
    },
    listAudit: async ({ caller, query }) => ({ lines: (await people.audit.list(caller, query)).map(auditLineView) }),
  };
}
