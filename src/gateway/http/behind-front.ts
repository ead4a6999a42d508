/**
 * Requests that come through HAProxy, by sockets of ours that nobody else can open: what they say of themselves is believed here, and nowhere else.
 */
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, isIPv4 } from 'node:net';
import { plainAddress } from '../../core/peer-address.ts';
import type { WebListener } from '../../core/web-origins.ts';

export interface Vouched {
  readonly clientAddress: string;
  /** Of a pass that was read there. */
  readonly identity: string | undefined;
  readonly person: string | undefined;
}

const vouched = new WeakMap<IncomingMessage, Vouched>();

/** What the front says of a request; undefined for one that came by itself. */
export function vouchedFor(request: IncomingMessage): Vouched | undefined {
  return vouched.get(request);
}

/** Where a request comes from, as one writes it: IPv4 where it is that, without a zone. */
export function clientAddressOf(request: IncomingMessage): string {
  return vouched.get(request)?.clientAddress ?? plainAddress(request.socket.remoteAddress ?? '').split('%', 1)[0] ?? '';
}

/** Of a request that another worker of ours hands on. */
export function takeFromWorker(request: IncomingMessage, clientAddress: string): void {
  vouched.set(request, { clientAddress, identity: undefined, person: undefined });
}

/** Of a request that the front leaves to us. The listener by which it came. */
export function takeHandedOn(request: IncomingMessage): WebListener {
  vouched.set(request, { clientAddress: one(request, 'x-forwarded-for'), identity: undefined, person: undefined });
  const listener = one(request, 'x-myserver-listener');
  return listener === 'https' || listener === 'content' ? listener : 'http';
}

/** Of a request that the front had made ready for a server which did not take it: what was taken off its address is put back. */
export function takeFailed(request: IncomingMessage, contentPort: number | undefined): WebListener {
  const identity = one(request, 'x-myserver-identity');
  const person = one(request, 'x-myserver-person');
  vouched.set(request, {
    clientAddress: one(request, 'x-forwarded-for'),
    identity: identity === '' ? undefined : identity,
    person: person === '' ? undefined : person,
  });
  request.url = one(request, 'x-forwarded-prefix') + (request.url ?? '/');
  if (one(request, 'x-forwarded-proto') !== 'https') return 'http';
  return contentPort !== undefined && one(request, 'x-forwarded-port') === String(contentPort) ? 'content' : 'https';
}

function one({ headers }: IncomingMessage, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? value : '';
}

/** Whether an address is one of a proxy before us. */
export function makeTrust(networks: readonly string[]): (address: string | undefined) => boolean {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    list.addSubnet(address, bits === undefined ? (family === 'ipv4' ? 32 : 128) : Number(bits), family);
  }
  if (networks.length === 0) return () => false;
  return (address) => {
    const plain = plainAddress(address ?? '').split('%', 1)[0] ?? '';
    return isIP(plain) !== 0 && list.check(plain, isIPv4(plain) ? 'ipv4' : 'ipv6');
  };
}

/** Of a request that a trusted proxy passes on: the last field of its kind is its own word. The listener by which the client came to it. */
export function takeProxied(request: IncomingMessage, listener: WebListener): WebListener {
  const client = one(request, 'x-forwarded-for').split(',').at(-1)?.trim() ?? '';
  if (isIP(client) !== 0) vouched.set(request, { clientAddress: plainAddress(client), identity: undefined, person: undefined });
  return listener === 'http' && one(request, 'x-forwarded-proto').toLowerCase() === 'https' ? 'https' : listener;
}
