/** Incus's lifecycle events over a websocket that is made anew whenever it breaks, however often, until the signal fires. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../base/log.ts';
import { messageOf } from '../../base/fault.ts';
import type { EngineEvent } from '../engine.ts';
import { opened, type IncusClient } from './incus-client.ts';

const firstPauseMs = 200;
/** A host that reboots Incus for a minute is looked at this often; more is noise in the log. */
const longestPauseMs = 5_000;
/** A connection that answers no ping in this time is dead, though nothing said so. */
const heartbeatMs = 20_000;

export function watchInstances(client: IncusClient, log: Log, onEvent: (event: EngineEvent) => void, signal: AbortSignal): void {
  void keepWatching(client, log, onEvent, signal);
}

async function keepWatching(client: IncusClient, log: Log, onEvent: (event: EngineEvent) => void, signal: AbortSignal): Promise<void> {
  let pauseMs = firstPauseMs;
  while (!signal.aborted) {
    try {
      await watchOnce(client, onEvent, signal, () => {
        pauseMs = firstPauseMs;
      });
    } catch (error) {
      if (!signal.aborted) log.warn({ found: messageOf(error), pauseMs }, 'the events of Incus stopped; trying again');
    }
    await pause(pauseMs, signal);
    pauseMs = Math.min(pauseMs * 2, longestPauseMs);
  }
}

/** Ends when the connection does. */
async function watchOnce(
  client: IncusClient,
  onEvent: (event: EngineEvent) => void,
  signal: AbortSignal,
  onOpen: () => void,
): Promise<void> {
  const websocket = client.websocket('/1.0/events?type=lifecycle');
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  websocket.on('error', () => {});
  websocket.once('close', () => resolve());
  const end = () => websocket.terminate();
  signal.addEventListener('abort', end, { once: true });
  let isAlive = true;
  websocket.on('pong', () => {
    isAlive = true;
  });
  const heartbeat = setInterval(() => {
    if (!isAlive) return end();
    isAlive = false;
    if (websocket.readyState === websocket.OPEN) websocket.ping();
  }, heartbeatMs);
  try {
    websocket.on('message', (data, isBinary) => {
      if (isBinary || signal.aborted) return;
      const name = instanceOf(Buffer.isBuffer(data) ? data.toString('utf8') : '');
      if (name !== undefined) onEvent({ name });
    });
    await opened(websocket, client.socket);
    onOpen();
    // Nobody knows what happened while nobody listened.
    onEvent({ name: undefined });
    await closed;
    // It may be gone altogether, and who shows its state shall not say "running" until the next look by the clock.
    if (!signal.aborted) onEvent({ name: undefined });
  } finally {
    clearInterval(heartbeat);
    signal.removeEventListener('abort', end);
    end();
  }
}

/** What a reading or writing of files, a program run inside and their like say: nothing about the instance changed that anybody decides by. */
const noise = /^instance-(?:file|exec|console|log|metadata|backup)/u;

/** The instance an event speaks of, or undefined for images, networks and whatever else. */
function instanceOf(text: string): string | undefined {
  try {
    const event = JSON.parse(text) as { metadata?: { action?: unknown; source?: unknown } };
    const { action, source } = event.metadata ?? {};
    if (typeof source !== 'string' || (typeof action === 'string' && noise.test(action))) return undefined;
    return /^\/1\.0\/instances\/([\w-]+)/u.exec(source)?.[1];
  } catch {
    return undefined;
  }
}

/** Leaves nothing behind at the signal: while Incus is away this is called for days. */
async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => {});
}
