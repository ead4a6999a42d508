/** Where the gateway of a new installation listens: decided once and written down, so that it does not move when the host's own sshd is down for a moment. */
import { usualBastionPorts, usualWebPorts } from '../../src/daemon/gateway-config.ts';
import { ownSshdPorts } from '../../src/host/own-sshd.ts';
import { readListeners } from '../../src/network/host-ports.ts';

/** Undefined: none of the usual ones is free; the gateway then says what to do. */
export async function freeBastionPort(): Promise<number | undefined> {
  return await firstFree(usualBastionPorts, await ownSshdPorts());
}

/** The same for servers' pages. */
export async function freeWebPorts(): Promise<{ readonly port?: number; readonly httpsPort?: number }> {
  const [port, httpsPort] = [await firstFree(usualWebPorts.http, []), await firstFree(usualWebPorts.https, [])];
  return { ...(port === undefined ? {} : { port }), ...(httpsPort === undefined ? {} : { httpsPort }) };
}

async function firstFree(usual: readonly number[], reserved: Iterable<number>): Promise<number | undefined> {
  const listeners = await readListeners({ holders: false });
  const taken = new Set([...listeners.filter(({ protocol }) => protocol === 'tcp').map(({ port }) => port), ...reserved]);
  return usual.find((port) => !taken.has(port));
}
