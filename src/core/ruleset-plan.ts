/** What a plan and a list of leases mean as packet rules: the one step from arithmetic to a `Ruleset`. */
import type { ServerId } from './ids.ts';
import type { Plan } from './plan.ts';
import { policyOf, type PortPolicies } from './port-policy.ts';
import type { Ruleset } from './ruleset.ts';

export interface LeaseOnWire {
  readonly id: ServerId;
  /** The host's end of its server's network cable. */
  readonly cable: string;
  readonly isStopped: boolean;
  readonly ports: PortPolicies;
}

/** Every public port of every leased ID. Spread it into a `Ruleset` beside what configuration says. */
export function rulesOf(
  plan: Plan,
  leases: Iterable<LeaseOnWire>,
): Pick<Ruleset, 'network' | 'hostAddress' | 'leased' | 'cables' | 'stopped' | 'forwards'> {
  const all = [...leases].map((lease) => ({ ...lease, address: plan.addressOf(lease.id) }));
  return {
    network: plan.network.text,
    hostAddress: plan.hostAddress,
    leased: all.map(({ address }) => address),
    cables: all.map(({ cable, address }) => ({ name: cable, address })),
    stopped: all.filter(({ isStopped }) => isStopped).map(({ address }) => address),
    forwards: all.flatMap(({ id, address, ports }) =>
      plan
        .portsOf(id)
        .filter(({ block }) => policyOf(plan, ports, block) === 'public')
        .map(({ protocol, publicAddress, publicPort, privatePort }) => ({ protocol, publicAddress, publicPort, address, privatePort })),
    ),
  };
}
