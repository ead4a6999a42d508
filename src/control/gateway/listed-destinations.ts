/** Destinations beyond one's own servers that an administrator has listed for a group: the department's intranet pages through `-D`, and nothing else. */
import type { PersonActor } from '../../core/access.ts';
import { isAdministrator } from '../caller.ts';

export interface ListedDestination {
  /** Undefined: everybody. */
  readonly group: string | undefined;
  /** An IPv4 address. It is connected to whatever name is asked for: no name is ever looked up, so none can turn out to lead elsewhere. */
  readonly address: string;
  readonly port: number;
  /** Names that mean this address, in lower case. */
  readonly names: readonly string[];
}

export function listedFor(
  destinations: readonly ListedDestination[],
  actor: PersonActor,
  host: string,
  port: number,
): { readonly address: string; readonly port: number } | undefined {
  const name = host.toLowerCase().replace(/\.$/u, '');
  const found = destinations.find(
    (one) =>
      one.port === port &&
      (one.address === name || one.names.includes(name)) &&
      (one.group === undefined || isAdministrator(actor) || actor.groups.some(({ group }) => group === one.group)),
  );
  return found === undefined ? undefined : { address: found.address, port: found.port };
}
