/** Where an installation keeps its things. */
import { dirname, join } from 'node:path';
import type { Config } from '../../src/daemon/config.ts';
import type { HostWanted } from '../../src/host/bring-up.ts';

export const root = join(import.meta.dirname, '../..');

export const places = {
  library: '/usr/local/lib/myserver',
  launcher: '/usr/local/bin/myserver',
  unit: '/etc/systemd/system/myserver-control.service',
  logDir: '/var/log/myserver',
} as const;

export const controlUnit = 'myserver-control.service';

/** What the configuration asks of this machine. */
export function wantedOf({ engine, plan, api }: Config, poolBytes?: number): HostWanted {
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
