/**
 * For addresses that nothing could make right, such as those in a script: whoever asks for `/x` from a page below a prefix meant it below that prefix. The page
 * that asks says where it is (RFC 9110, section 10.1.3); it is led to its own server and to no other.
 */
import type { IncomingMessage } from 'node:http';
import type { WebListener } from '../../../core/web-origins.ts';
import type { WebMap } from '../../../core/web-route.ts';

/** The path that was meant. Undefined: none that we know of. */
export function meantBelow(
  { headers }: Pick<IncomingMessage, 'headers'>,
  listener: WebListener,
  { host, target }: { readonly host: string; readonly target: string },
  map: WebMap,
): string | undefined {
  const [, from = '', path = ''] = /^https?:\/\/([^/?#]*)(\/[^?#]*)/iu.exec(headers.referer ?? '') ?? [];
  if (from === '' || from.toLowerCase() !== host.toLowerCase()) return undefined;
  const found = map.find(listener, host, path);
  return found.kind === 'route' && found.prefix !== '' && found.route.repair !== 'off' ? found.prefix + target : undefined;
}
