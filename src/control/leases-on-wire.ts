/** What of a server's record the packet rules are made from. */
import { cableNameOf } from '../engines/engine.ts';
import type { LeaseOnWire } from '../core/ruleset-plan.ts';
import type { ServerRecord } from '../store/servers.ts';

export function leasesOnWire(servers: readonly ServerRecord[]): readonly LeaseOnWire[] {
  return servers.map(({ id, generation, wanted, ports }) => ({
    id,
    cable: cableNameOf(id, generation),
    isStopped: wanted === 'stopped',
    ports,
  }));
}
