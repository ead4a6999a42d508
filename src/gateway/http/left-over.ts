/** A client that has its answer while it still sends: who is hung up on then may never see why (RFC 9112, section 9.6). */
import type { IncomingMessage, ServerResponse } from 'node:http';

const lingerMs = 5000;

/** The rest is read and thrown away for a time. Fields for the answer's head. */
export function leaveTime(request: IncomingMessage, response: ServerResponse): { readonly connection?: 'close' } {
  if (request.complete) return {};
  // Whether it sends its body at all is its own choice: what comes next could be either.
  if (request.headers.expect !== undefined) return { connection: 'close' };
  response.once('finish', () => {
    if (request.complete) return;
    request.unpipe();
    request.resume();
    const timer = setTimeout(() => request.destroy(), lingerMs);
    request.once('close', () => clearTimeout(timer));
    request.once('end', () => clearTimeout(timer));
  });
  return {};
}
