/**
 * How many may stand at the door without having signed in, and for how long. Past the first bound newcomers are turned away by chance, more of them the
 * fuller it is, so that a flood does not shut everybody else out (as sshd's MaxStartups); and one address may never fill it alone.
 */
import type { Socket } from 'node:net';
import { networkOf } from '../../core/peer-address.ts';

export interface Doorkeeper {
  mayEnter(address: string): boolean;
  /** It stands at the door, or still does: after `ms` it is sent away. */
  waiting(socket: Socket, address: string, ms: number): void;
  signedIn(socket: Socket): void;
}

/** A class behind one address that begins at the same minute. */
const mostFromOne = 150;
const chanceFrom = 500;
/** About 60 KB each before the sign-in. */
const most = 1500;

interface Waiting {
  readonly network: string;
  readonly timer: NodeJS.Timeout;
}

export function makeDoorkeeper(random: () => number = Math.random): Doorkeeper {
  const atTheDoor = new Map<Socket, Waiting>();
  const perNetwork = new Map<string, number>();

  function leave(socket: Socket): void {
    const found = atTheDoor.get(socket);
    if (found === undefined) return;
    clearTimeout(found.timer);
    atTheDoor.delete(socket);
    const left = (perNetwork.get(found.network) ?? 1) - 1;
    if (left <= 0) perNetwork.delete(found.network);
    else perNetwork.set(found.network, left);
  }

  return {
    mayEnter(address) {
      if (atTheDoor.size >= most || (perNetwork.get(networkOf(address)) ?? 0) >= mostFromOne) return false;
      return atTheDoor.size < chanceFrom || random() > (atTheDoor.size - chanceFrom) / (most - chanceFrom);
    },
    waiting(socket, address, ms) {
      const former = atTheDoor.get(socket);
      const network = networkOf(address);
      if (former === undefined) {
        perNetwork.set(network, (perNetwork.get(network) ?? 0) + 1);
        socket.once('close', () => leave(socket));
      } else clearTimeout(former.timer);
      atTheDoor.set(socket, { network, timer: setTimeout(() => socket.destroy(), ms) });
    },
    signedIn: leave,
  };
}
