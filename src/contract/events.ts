/**
 * The event stream, `GET /api/v1/events` (text/event-stream): what changed, as it changes. Each event has an `id`; a client that reconnects with
 * `Last-Event-ID` gets what it missed, or `resync` when that is too long ago and it must list again. A comment line every 15 s keeps proxies awake.
 */
import { Type, type Static } from 'typebox';
import { OperationSchema, ServerSchema } from './schemas.ts';

export const EventSchema = Type.Union(
  [
    Type.Object({ kind: Type.Literal('server'), server: ServerSchema }),
    Type.Object({ kind: Type.Literal('server-gone'), id: Type.Integer(), generation: Type.String() }),
    Type.Object({ kind: Type.Literal('operation'), operation: OperationSchema }),
    Type.Object({ kind: Type.Literal('resync') }),
  ],
  { $id: 'Event' },
);

export type EventView = Static<typeof EventSchema>;

export const eventsPath = '/events';
