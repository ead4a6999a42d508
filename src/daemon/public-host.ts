/** The name or address that people use when the configuration names none. */
import { hostname, networkInterfaces } from 'node:os';

/** The first IPv4 address that others can reach this host at; its name where there is none. `ownBridge` is no such address: it is the servers'. */
export function guessPublicHost(ownBridge: string): string {
  for (const [device, addresses] of Object.entries(networkInterfaces())) {
    if (device === ownBridge) continue;
    const address = addresses?.find(({ family, internal }) => family === 'IPv4' && !internal);
    if (address !== undefined && !address.address.startsWith('169.254.')) return address.address;
  }
  return hostname();
}
