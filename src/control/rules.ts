/**
 * Keeps the kernel's rules in step with the leases: whoever changed a lease calls `settle`, and many at once become one transaction. The ruleset is made
 * from the store each time, so it never drifts from it.
 */
import { coalesced } from '../base/coalesced.ts';
import type { Log } from '../base/log.ts';
import type { Ruleset } from '../core/ruleset.ts';
import type { Firewall } from '../network/firewall.ts';
import type { Store } from '../store/store.ts';
import type { ServerRecord } from '../store/servers.ts';
import type { WebRoutes } from './web/web-routes.ts';

export interface Rules {
  /** Resolves when the kernel holds rules made from the store as it was at this call or later. Throws `firewall-failed`. */
  settle(): Promise<void>;
  /** Looks whether the kernel still holds them and puts them back; says whether it had to. */
  check(): Promise<boolean>;
  isInStep(): Promise<boolean>;
  /** For a store that is not the engine's. Where the kernel holds no rules at all, as after a reboot, servers would reach the host's own ports: closes all. */
  closeWhereNone(): Promise<void>;
  /** Ends live connections to that private address, or to one port of it. */
  cut(address: string, privatePort?: number): Promise<void>;
}

export interface RulesOptions {
  readonly store: Store;
  readonly firewall: Firewall;
  readonly log: Log;
  /** The web's front, which follows the same servers. */
  readonly web: WebRoutes;
  /** The whole wanted world of packets for these servers. */
  readonly rulesetOf: (servers: readonly ServerRecord[]) => Ruleset;
}

export function makeRules({ store, firewall, web, log, rulesetOf }: RulesOptions): Rules {
  async function wanted(): Promise<Ruleset> {
    const servers = await store.servers.list();
    return rulesetOf(servers.filter(({ wanted: state }) => state !== 'dropping'));
  }

  async function setAll(): Promise<void> {
    // The web first: it only reads the store, and a kernel that refuses keeps no page away and none open.
    await web.settle();
    await firewall.set(await wanted());
  }

  const { run: settle, isWaiting } = coalesced(setAll);

  return {
    settle,
    isInStep: async () => await firewall.matches(await wanted()),
    async closeWhereNone() {
      if (!(await firewall.stands())) await firewall.set(rulesetOf([]));
    },
    async check() {
      await web.settle();
      if (isWaiting() || (await firewall.matches(await wanted()))) return false;
      log.warn({}, 'the packet rules differ from the store; setting them again');
      await settle();
      return true;
    },
    cut: async (address, privatePort) => await firewall.cut(address, privatePort),
  };
}
