/** What a line typed in the lobby is understood by, beside its words. */
import type { PersonName } from './names.ts';
import type { PlanConfig, PortBlock } from './plan-config.ts';

/** The part of the plan that says which port is whose; a `PlanConfig` is one. */
export interface PortPlan {
  readonly ids: PlanConfig['ids'];
  readonly blocks: readonly Pick<PortBlock, 'name' | 'privatePort' | 'protocols' | 'base' | 'stride' | 'offset'>[];
}

export interface LobbyWorld {
  readonly person: PersonName;
  /** The name or address at which this person reached us. */
  readonly host: string;
  /** Others that people use, beside `myserver` and `localhost`. */
  readonly otherHosts: readonly string[];
  /** The bastion's own port. */
  readonly port: number;
  /** Undefined where it cannot be known now: ports of servers are then not understood. */
  readonly plan: PortPlan | undefined;
}
