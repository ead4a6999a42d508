/** The checks of this host that doctor shows beside those of control. */
import type { Finding } from '../core/finding.ts';
import { checkPlan } from '../core/plan-check.ts';
import type { HostDoctor } from '../control/doctor.ts';
import { makeHostExaminer } from '../host/doctor-host.ts';
import { readHostPorts } from '../network/host-ports.ts';
import type { Config } from './config.ts';
import { hostWantedOf } from './host-wanted.ts';

export function hostDoctorFor(config: Config): HostDoctor {
  const { plan, api, engine, firewall, stateDir } = config;
  const examiner = makeHostExaminer({ wanted: hostWantedOf(config), table: firewall.table, stateDir });
  return {
    examine: () => examiner.examine(),
    mend: (finding) => examiner.mend(finding),
    async checkPlan(leased): Promise<readonly Finding[]> {
      const facts = await readHostPorts();
      return checkPlan(plan, { ...facts, ownListeners: [{ name: 'local API', port: api.port }], ownBridge: engine.network, leased });
    },
  };
}
