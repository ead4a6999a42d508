/** All servers and operations that this person sees, as they are now: listed once, then kept by the event stream. */
import { signal } from '@preact/signals';
import type { EventView } from '../contract/events.ts';
import { eventsPath } from '../contract/events.ts';
import { apiPrefix } from '../contract/route.ts';
import type { OperationView, ServerView } from '../contract/schemas.ts';
import { api, signedIn } from './session.ts';

export const servers = signal<ReadonlyMap<number, ServerView>>(new Map());
export const operations = signal<ReadonlyMap<string, OperationView>>(new Map());
/** `late`: the stream broke, and what is shown may be old. */
export const liveness = signal<'first' | 'live' | 'late'>('first');

const retryMs = 2000;
/** Control says something every 15 s. */
const silenceMs = 40_000;
const mostOperations = 200;

async function list(): Promise<void> {
  const [all, recent] = await Promise.all([api.call('listServers', { query: {} }), api.call('listOperations', { query: { limit: 50 } })]);
  servers.value = new Map(all.servers.map((server) => [server.id, server]));
  operations.value = new Map(recent.operations.map((operation) => [operation.id, operation]));
}

function take(event: EventView): void {
  switch (event.kind) {
    case 'server':
      servers.value = new Map(servers.value).set(event.server.id, event.server);
      break;
    case 'server-gone': {
      if (servers.value.get(event.id)?.generation !== event.generation) break;
      const left = new Map(servers.value);
      left.delete(event.id);
      servers.value = left;
      break;
    }
    case 'operation': {
      const known = [...operations.value].slice(-mostOperations);
      operations.value = new Map(known).set(event.operation.id, event.operation);
      break;
    }
    case 'resync':
      void list();
  }
}

/** Until the signal fires. Never throws. */
export async function follow(over: AbortSignal): Promise<void> {
  let lastId: string | undefined;
  let failures = 0;
  while (!over.aborted) {
    const quiet = new AbortController();
    try {
      const opening = open(AbortSignal.any([over, quiet.signal]), lastId);
      // Asked for first, so that nothing falls between the list and the stream.
      const stream = await opening;
      if (lastId === undefined) await list();
      liveness.value = 'live';
      failures = 0;
      let timer = setTimeout(() => quiet.abort(), silenceMs);
      for await (const { id, data } of stream) {
        clearTimeout(timer);
        timer = setTimeout(() => quiet.abort(), silenceMs);
        lastId = id ?? lastId ?? '';
        if (data !== '') take(JSON.parse(data) as EventView);
      }
      clearTimeout(timer);
    } catch {
      // Asked again below.
    }
    if (over.aborted) return;
    // A stream that ended in good order is there again at once.
    if (failures > 0) {
      liveness.value = 'late';
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
    failures += 1;
  }
}

interface Said {
  readonly id: string | undefined;
  readonly data: string;
}

async function open(over: AbortSignal, lastId: string | undefined): Promise<AsyncIterable<Said>> {
  const answer = await fetch(`${apiPrefix}${eventsPath}`, {
    headers: {
      authorization: `Bearer ${signedIn.value?.token ?? ''}`,
      ...(lastId === undefined || lastId === '' ? {} : { 'last-event-id': lastId }),
    },
    signal: over,
    cache: 'no-store',
    credentials: 'omit',
  });
  if (!answer.ok || answer.body === null) throw new Error(`the event stream answered ${answer.status}`);
  return read(answer.body);
}

/** Server-sent events (HTML standard, section 9.2.6), as far as control sends them. */
async function* read(body: ReadableStream<Uint8Array>): AsyncIterable<Said> {
  let text = '';
  const decoder = new TextDecoder();
  const reader = body.getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    text += decoder.decode(piece.value, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const lines = block.split('\n');
      const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      yield { id: field('id'), data: field('data') ?? '' };
    }
  }
}
