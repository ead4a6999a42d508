/** What starts and keeps daemons on this machine: systemd, or nobody (a container, a small virtual machine), and then we do. */
import { existsSync } from 'node:fs';

/** sd_booted(3). */
export function hasSystemd(): boolean {
  return existsSync('/run/systemd/system');
}
