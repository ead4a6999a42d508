import type { IncomingMessage } from 'node:http';
import { plainAddress } from '../../core/peer-address.ts';

/** Where a request comes from, as one writes it: IPv4 where it is that, without a zone. */
export function clientAddressOf({ socket }: IncomingMessage): string {
  return plainAddress(socket.remoteAddress ?? '').split('%', 1)[0] ?? '';
}
