/** A response in the form of server-sent events (HTML standard, section 9.2) that never holds more than a bounded amount for a client that does not read. */
import type { ServerResponse } from 'node:http';

export interface SseResponse {
  readonly isOver: boolean;
  send(data: unknown, id: string | undefined): void;
  /** A line that clients pass over; it keeps proxies from closing an idle connection. */
  comment(text: string): void;
  /** Ends in good order; the client may come back. */
  end(): void;
  /** Cuts the connection with all that waits in it. */
  drop(): void;
  /** Called once, however it came about. At once when it is over already. */
  onOver(callback: () => void): void;
}

/** Beyond it the client is dropped: it can come back and take up where it was. */
const mostWaitingBytes = 2 ** 18;

export function makeSseResponse(response: ServerResponse): SseResponse {
  const callbacks: (() => void)[] = [];
  let isOver = false;

  function finish(): boolean {
    if (isOver) return false;
    isOver = true;
    for (const callback of callbacks) callback();
    return true;
  }

  function put(text: string): void {
    if (isOver) return;
    response.write(text);
    if (response.writableLength > mostWaitingBytes) drop();
  }

  function drop(): void {
    if (finish()) response.destroy();
  }

  response.once('close', finish);
  // Whoever went while we looked who they are has closed it already, and it closes only once.
  if (response.destroyed) finish();
  if (!isOver) response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
  put('retry: 3000\n\n');

  return {
    get isOver() {
      return isOver;
    },
    send: (data, id) => put(`${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`),
    comment: (text) => put(`: ${text}\n\n`),
    end() {
      if (finish()) response.end();
    },
    drop,
    onOver(callback) {
      if (isOver) callback();
      else callbacks.push(callback);
    },
  };
}
