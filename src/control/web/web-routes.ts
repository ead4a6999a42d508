/**
 * What the web's front is to serve, made from the store each time, as `rules.ts` makes the packet rules: the gateway's workers fetch the whole of it, and
 * again when it is another.
 */
import { isDeepStrictEqual } from 'node:util';
import { coalesced } from '../../base/coalesced.ts';
import type { Clock } from '../../base/clock.ts';
import type { Plan } from '../../core/plan.ts';
import { policyOf, webDoorsOf } from '../../core/port-policy.ts';
import { nothingOnTheWeb, type WebRoute, type WebState } from '../../core/web-route.ts';
import type { Store } from '../../store/store.ts';
import { visitorsState } from './visitors-state.ts';
import { type Changes, makeChanges } from '../gateway/changes.ts';

export interface WebRoutes {
  /** Grows when the state is another. */
  readonly changes: Changes;
  /** As last settled. */
  state(): WebState;
  /** Called with each change and waited for, so that whoever settles knows that it holds. One alone. */
  onChange(tell: () => Promise<void>): void;
  /** Resolves when the state is made from the store as it was at this call or later, and whoever waits for it has been told. */
  settle(): Promise<void>;
}

export interface WebRoutesOptions {
  readonly store: Store;
  readonly plan: Plan;
  readonly clock: Clock;
  /** PEM, SubjectPublicKeyInfo. */
  readonly passKey: string;
  /** As they are now; whoever changes them calls `settle`. */
  readonly certificates: () => Pick<WebState, 'certificates' | 'challenges' | 'authority'>;
}

export function makeWebRoutes({ store, plan, clock, certificates, passKey }: WebRoutesOptions): WebRoutes {
  const changes = makeChanges(clock.now());
  const doors = webDoorsOf(plan);
  let state = nothingOnTheWeb;
  let tell: (() => Promise<void>) | undefined;

  async function wanted(): Promise<WebState> {
    const servers = await store.servers.list();
    const routes = servers
      .filter(({ wanted: word }) => word !== 'dropping')
      .flatMap(({ id, generation, wanted: word, ports, repair }) =>
        doors.map(({ name, port }): WebRoute => {
          const policy = policyOf(plan, ports, name);
          return {
            repair: repair[name] ?? 'auto',
            id,
            generation,
            door: name,
            address: plan.addressOf(id),
            port,
            policy,
            isUp: word !== 'stopped',
          };
        }),
      );
    const visitors = await visitorsState(store, servers, routes, clock.now());
    const domains = (await store.webDomains.list()).flatMap(({ name, generation, door, isProven }) =>
      isProven ? [{ name, generation, door }] : [],
    );
    return { routes, domains, passKey, ...visitors, ...certificates() };
  }

  async function settleNow(): Promise<void> {
    const fresh = await wanted();
    if (isDeepStrictEqual(fresh, state)) return;
    state = fresh;
    changes.bump();
    await tell?.();
  }

  return { changes, state: () => state, onChange: (called) => (tell = called), settle: coalesced(settleNow).run };
}
