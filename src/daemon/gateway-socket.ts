import { join } from 'node:path';

/** Where control listens for the gateway. */
export function gatewaySocketPath(runDir: string): string {
  return join(runDir, 'gateway.sock');
}
