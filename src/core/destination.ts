/**
 * What a forward's host and port mean (-L, -J, -W, -D): a server of ours, or something else that only an administrator's list can allow. Nothing is ever
 * looked up by name, so no name can turn out to be another address than the one that was decided about; and an address counts only in its usual form,
 * so that `0x7f.1` or `2130706433` is no address at all.
 */
import { isIdText, parseServerId } from './ids.ts';
import { ipv4Number } from './ipv4.ts';
import { type ServerReference, parseServerReference } from './login.ts';
import type { Plan } from './plan.ts';

export type Destination =
  | { readonly kind: 'server'; readonly server: ServerReference; readonly port: number }
  /** In lower case. Allowed only where it is listed. */
  | { readonly kind: 'other'; readonly host: string; readonly port: number };

/**
 * To ssh and curl a host of digits alone is an address written as one number (inet_aton(3)), and what they ask for then is 0.0.0.123. No machine has an
 * address in there, so it can mean nothing but the ID; that 0.0.0.0 is every address of a host to a program that connects there concerns nobody here.
 */
const highestId = 65_536;

/** The word of the handbook for the one address, whatever it is called here. */
const classicHost = 'myserver';

/**
 * `publicHost` is the name or address that people use. `myserver:2123` is a port of the plan; `123`, `server-123`, a name and a private address are a
 * server, and the port one of its own.
 */
export function parseDestination(
  host: string,
  port: number,
  { plan, publicHost }: { readonly plan: Plan; readonly publicHost: string },
): Destination {
  const name = host.toLowerCase().replace(/\.$/u, '');
  const other = { kind: 'other', host: name, port } as const;
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return other;
  if (name === classicHost || name === publicHost.toLowerCase()) {
    const found = plan.locate(port, 'tcp');
    return found === undefined ? other : { kind: 'server', server: { kind: 'id', id: found.id }, port: found.block.privatePort };
  }
  if (isIdText(name)) {
    // Longer than any ID, it is an address in decimal.
    return name.length > 5 || Number(name) >= highestId ? other : { kind: 'server', server: { kind: 'id', id: parseServerId(name) }, port };
  }
  const address = ipv4Number(name);
  if (address !== undefined) {
    const id = address < highestId ? parseServerId(address) : plan.idOfAddress(name);
    return id === undefined ? other : { kind: 'server', server: { kind: 'id', id }, port };
  }
  try {
    return { kind: 'server', server: parseServerReference(name), port };
  } catch {
    return other;
  }
}

/** Whether the host means the machine itself on which a session runs: inside a server, its own loopback. */
export function isLoopbackName(host: string): boolean {
  return ['localhost', '127.0.0.1', '::1', '[::1]'].includes(host.toLowerCase());
}
