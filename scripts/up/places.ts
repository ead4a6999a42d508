/** Where an installation keeps its things. */
import { join } from 'node:path';

export const root = join(import.meta.dirname, '../..');

export const places = {
  library: '/usr/local/lib/myserver',
  launcher: '/usr/local/bin/myserver',
  units: '/etc/systemd/system',
  logDir: '/var/log/myserver',
} as const;

export const controlUnit = 'myserver-control.service';
export const gatewayUnit = 'myserver-gateway.service';
export { edgeUnit } from '../../src/daemon/edge-services.ts';
/** The packet rules of before, at boot: see the unit. */
export const rulesUnit = 'myserver-rules.service';
