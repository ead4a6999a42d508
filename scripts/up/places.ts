/** Where an installation keeps its things. */
import { join } from 'node:path';

export const root = join(import.meta.dirname, '../..');

export const places = {
  library: '/usr/local/lib/myserver',
  launcher: '/usr/local/bin/myserver',
  unit: '/etc/systemd/system/myserver-control.service',
  logDir: '/var/log/myserver',
} as const;

export const controlUnit = 'myserver-control.service';
