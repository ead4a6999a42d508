/** What the configuration asks of the machine: the same for `up`, which makes it so, and for doctor, which looks whether it still is. */
import { dirname } from 'node:path';
import type { HostWanted } from '../host/bring-up.ts';
import type { Config } from './config.ts';

export function hostWantedOf({ engine, plan, api }: Config, poolBytes?: number): HostWanted {
  return {
    incusDir: dirname(engine.socket),
    socket: engine.socket,
    project: engine.project,
    pool: engine.pool,
    bridge: engine.network,
    plan,
    ownPorts: [api.port],
    poolBytes,
  };
}
