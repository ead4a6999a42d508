/**
 * Server-sent events: each listener hears what they may see, decided anew for each event. An event's ID is `EPOCH-NUMBER`; the epoch is another one after
 * each restart of control, so that a number of a former life is answered by `resync` and not by somebody else's past.
 */
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { unreachable } from '../base/brand.ts';
import type { Log } from '../base/log.ts';
import type { EventView } from '../contract/events.ts';
import { fault } from '../core/errors.ts';
import type { PersonName } from '../core/names.ts';
import { type Caller, personOf } from '../control/caller.ts';
import type { ControlEvent, ServerControl } from '../control/control.ts';
import type { Session } from './gate.ts';
import { makeSseResponse, type SseResponse } from './sse-response.ts';
import { goneView, operationView, type Views } from './views.ts';

export interface EventStreams {
  /** Takes the response over and ends it some day. Throws `too-many-tries` when too many listen already. */
  open(response: ServerResponse, session: Session, lastEventId: string | undefined): void;
  closeAll(): void;
}

export interface EventStreamOptions {
  readonly control: Pick<ServerControl, 'events'>;
  readonly views: Views;
  readonly log: Log;
  /** Between two comment lines; each time the listener's credential is looked at again. */
  readonly heartbeatMs: number;
}

/** What may wait to be decided for one listener. Whoever is further behind has a slow store before them, and comes back. */
const mostWaitingEvents = 5000;

const mostStreams = 500;
/** Tabs and scripts of one person; more would shut the others out. */
const mostStreamsOfOne = 50;

export function makeEventStreams(options: EventStreamOptions): EventStreams {
  const epoch = randomUUID().slice(0, 8);
  const open = new Map<SseResponse, PersonName | undefined>();
  return {
    open(response, session, lastEventId) {
      const person = personOf(session.caller);
      const own = [...open.values()].filter((other) => person !== undefined && other === person).length;
      if (own >= mostStreamsOfOne) throw fault('too-many-tries', `you have ${own} event streams open already; close some first`);
      if (open.size >= mostStreams) throw fault('too-many-tries', `${mostStreams} listeners are connected already; try again later`);
      const stream = makeSseResponse(response);
      open.set(stream, person);
      stream.onOver(() => open.delete(stream));
      serve(stream, session, epoch, lastEventId, options);
    },
    closeAll() {
      for (const stream of open.keys()) stream.end();
    },
  };
}

function serve(
  stream: SseResponse,
  session: Session,
  epoch: string,
  lastEventId: string | undefined,
  { control: { events }, views, log, heartbeatMs }: EventStreamOptions,
): void {
  let { caller } = session;
  let isSending = false;
  const waiting: { readonly number: number; readonly event: ControlEvent }[] = [];

  const known = lastEventId?.startsWith(`${epoch}-`) === true ? Number(lastEventId.slice(epoch.length + 1)) : Number.NaN;
  const after = Number.isSafeInteger(known) && known >= 0 ? known : undefined;
  const { complete, unsubscribe } = events.subscribe(take, after);
  stream.onOver(unsubscribe);
  if (lastEventId !== undefined && (after === undefined || !complete)) stream.send({ kind: 'resync' } satisfies EventView, undefined);
  const heartbeat = setInterval(() => void beat(), heartbeatMs);
  stream.onOver(() => clearInterval(heartbeat));

  function take(number: number, event: ControlEvent): void {
    waiting.push({ number, event });
    if (waiting.length > mostWaitingEvents) stream.drop();
    else if (!isSending) void send();
  }

  async function send(): Promise<void> {
    isSending = true;
    try {
      // Not before `subscribe` has returned and `resync` could go first.
      await Promise.resolve();
      for (let next = waiting.shift(); next !== undefined && !stream.isOver; next = waiting.shift()) {
        const view = await eventView(next.event, caller, events, views);
        if (view !== undefined) stream.send(view, `${epoch}-${next.number}`);
      }
    } catch (error) {
      log.error({ err: error }, 'a listener of the event stream was cut off because an event could not be shown');
      stream.end();
    } finally {
      isSending = false;
    }
  }

  async function beat(): Promise<void> {
    if (caller.actor.kind === 'person') {
      const actor = await session.recheck().catch(() => undefined);
      if (actor === undefined) return stream.end();
      caller = { ...caller, actor };
    }
    stream.comment('still here');
  }
}

async function eventView(
  event: ControlEvent,
  caller: Caller,
  events: ServerControl['events'],
  views: Views,
): Promise<EventView | undefined> {
  switch (event.kind) {
    case 'server': {
      const shown = await events.show(caller, event.id);
      return shown === undefined ? undefined : { kind: 'server', server: views.server(shown) };
    }
    case 'server-gone':
      return (await events.maySee(caller, event)) ? goneView(event.record) : undefined;
    case 'operation':
      return (await events.maySee(caller, event)) ? { kind: 'operation', operation: operationView(event.operation) } : undefined;
    default:
      return unreachable(event);
  }
}
