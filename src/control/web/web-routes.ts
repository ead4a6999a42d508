/**
 * What the web's front is to serve, made from the store each time, as `rules.ts` makes the packet rules: the gateway's workers fetch the whole of it, and
 * again when it is another.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../base/clock.ts';
import type { Plan } from '../../core/plan.ts';
import { policyOf, webDoorsOf } from '../../core/port-policy.ts';
import { nothingOnTheWeb, type WebRoute, type WebState } from '../../core/web-route.ts';
import type { Store } from '../../store/store.ts';
import { type Changes, makeChanges } from '../gateway/changes.ts';

export interface WebRoutes {
  /** Grows when the state is another. */
  readonly changes: Changes;
  /** As last settled. */
  state(): WebState;
  /** Resolves when the state is made from the store as it was at this call or later, and whoever waits for it has been told. */
  settle(): Promise<void>;
}

export interface WebRoutesOptions {
  readonly store: Store;
  readonly plan: Plan;
  readonly clock: Clock;
  /** As they are now; whoever changes them calls `settle`. */
  readonly certificates: () => Pick<WebState, 'certificates' | 'authority'>;
}

export function makeWebRoutes({ store, plan, clock, certificates }: WebRoutesOptions): WebRoutes {
  const changes = makeChanges(clock.now());
  const doors = webDoorsOf(plan);
  let state = nothingOnTheWeb;
  /** A look that began earlier may end later, and must not undo a newer one. */
  let lastBegun = 0;
  let lastTaken = 0;

  async function wanted(): Promise<WebState> {
    const servers = await store.servers.list();
    const routes = servers
      .filter(({ wanted: word }) => word !== 'dropping')
      .flatMap(({ id, generation, wanted: word, ports }) =>
        doors.map(({ name, port }): WebRoute => {
          const policy = policyOf(plan, ports, name);
          return { id, generation, door: name, address: plan.addressOf(id), port, policy, isUp: word !== 'stopped' };
        }),
      );
    return { routes, ...certificates() };
  }

  return {
    changes,
    state: () => state,
    async settle() {
      lastBegun += 1;
      const number = lastBegun;
      const fresh = await wanted();
      if (number < lastTaken) return;
      lastTaken = number;
      if (isDeepStrictEqual(fresh, state)) return;
      state = fresh;
      changes.bump();
    },
  };
}
