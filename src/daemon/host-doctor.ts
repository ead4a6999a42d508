/** The checks of this host that doctor shows beside those of control. */
import { fault } from '../core/errors.ts';
import type { Finding } from '../core/finding.ts';
import { checkPlan } from '../core/plan-check.ts';
import type { HostDoctor } from '../control/doctor.ts';
import { readHostPorts } from '../network/host-ports.ts';
import type { Config } from './config.ts';

export function hostDoctorFor({ plan, api, engine }: Config): HostDoctor {
  return {
    examine: () => Promise.resolve([]),
    mend: (finding) => Promise.reject(fault('bad-request', `doctor cannot mend "${finding.subject}" by itself: ${finding.remedy}`)),
    async checkPlan(leased): Promise<readonly Finding[]> {
      const facts = await readHostPorts();
      return checkPlan(plan, { ...facts, ownListeners: [{ name: 'local API', port: api.port }], ownBridge: engine.network, leased });
    },
  };
}
