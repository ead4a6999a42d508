/** What a plan and a list of leased IDs mean as packet rules: the one step from arithmetic to a `Ruleset`. */
import type { ServerId } from './ids.ts';
import type { Plan } from './plan.ts';
import type { Ruleset } from './ruleset.ts';

/** Every port of every leased ID, open to the public. Spread it into a `Ruleset` beside what configuration says. */
export function rulesOf(plan: Plan, leasedIds: Iterable<ServerId>): Pick<Ruleset, 'network' | 'hostAddress' | 'leased' | 'forwards'> {
  const ids = [...leasedIds];
  return {
    network: plan.network.text,
    hostAddress: plan.hostAddress,
    leased: ids.map((id) => plan.addressOf(id)),
    forwards: ids.flatMap((id) => {
      const address = plan.addressOf(id);
      return plan
        .portsOf(id)
        .map(({ protocol, publicAddress, publicPort, privatePort }) => ({ protocol, publicAddress, publicPort, address, privatePort }));
    }),
  };
}
