/**
 * A server's MAC address follows from its private IPv4 address: two octets of ours, then the address. So the packet rules know it without asking anybody,
 * who takes over an ID is where its neighbours think it is, and two networks on one host never share a MAC.
 */
import { fault } from './errors.ts';
import { ipv4Number, ipv4Text, type Network } from './ipv4.ts';

/** Locally administered and unicast (IEEE 802, the two lowest bits of the first octet: 1 and 0), and not Docker's 02:42. */
const ours = '02:6d';

/** `02:6d:c0:a8:0b:7b` for 192.168.11.123. */
export function macOf(address: string): string {
  const number = ipv4Number(address);
  if (number === undefined) throw fault('internal', `"${address}" is not a private address`);
  return [ours, ...[24, 16, 8, 0].map((shift) => ((number >>> shift) & 255).toString(16).padStart(2, '0'))].join(':');
}

/** The first and the last that a server of this network could have, as nft writes a range. */
export function macRange({ first, last }: Network): string {
  return `${macOf(ipv4Text(first))}-${macOf(ipv4Text(last))}`;
}
