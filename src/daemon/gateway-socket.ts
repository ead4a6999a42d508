import { join } from 'node:path';

/** Where control listens for what people elsewhere ask of the API, which the gateway passes on. */
export function portalSocketPath(runDir: string): string {
  return join(runDir, 'portal.sock');
}

/** Where control listens for the gateway. */
export function gatewaySocketPath(runDir: string): string {
  return join(runDir, 'gateway.sock');
}

/** Of the gateway's workers, where they hand browser terminals to each other. */
export function consolesDir(runDir: string): string {
  return join(runDir, 'consoles');
}
