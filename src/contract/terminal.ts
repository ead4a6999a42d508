/**
 * What passes over the WebSocket of a browser terminal, `wss://host/console/terminal`. Binary messages are the terminal's own bytes, both ways; text messages
 * are these, as JSON. The first one from the client says by what right it comes: a ticket (`POST /api/v1/servers/ID/terminal`), or the key of a link.
 */
import { Type, type Static, type TSchema } from 'typebox';
import { type FromFiles, ToFilesSchema } from './files.ts';

export const terminalPath = '/console/terminal';

const closed = { additionalProperties: false };
const kind = <K extends string, T extends Record<string, TSchema>>(name: K, fields: T) =>
  Type.Object({ kind: Type.Literal(name), ...fields }, closed);
const size = { columns: Type.Integer({ minimum: 2, maximum: 1000 }), rows: Type.Integer({ minimum: 1, maximum: 500 }) };
const watchMode = Type.Union([Type.Literal('watch'), Type.Literal('type')]);

/** The longest that a link may be good for. */
const longestShareSeconds = 24 * 3600;

export const ToTerminalSchema = Type.Union([
  /** `session` in the address names one that is to be taken up again; without it a new one begins. */
  kind('enter', { ticket: Type.String({ maxLength: 100 }), ...size }),
  kind('join', { key: Type.String({ maxLength: 100 }), ...size }),
  /** Without an account: by a user of the server's own, whose password is asked for. */
  kind('knock', { server: Type.Integer({ minimum: 0 }), user: Type.String({ minLength: 1, maxLength: 64 }), ...size }),
  /** Whoever has knocked comes back to their terminal by the key that they were given. */
  kind('resume', { key: Type.String({ maxLength: 100 }), ...size }),
  kind('resize', size),
  /** So many bytes of output, from the first, have been shown. */
  kind('shown', { bytes: Type.Integer({ minimum: 0 }) }),
  /** To a question; null gives up. */
  kind('answer', { text: Type.Union([Type.String({ maxLength: 1024 }), Type.Null()]) }),
  kind('share', { mode: watchMode, seconds: Type.Integer({ minimum: 60, maximum: longestShareSeconds }) }),
  /** Takes back every link of this session. */
  kind('unshare', {}),
  /** Ends the session, and not only this view of it. */
  kind('end', {}),
  ToFilesSchema,
]);

export type ToTerminal = Static<typeof ToTerminalSchema>;

export type WatchMode = Static<typeof watchMode>;

/** Something comes at least so often: a page that has heard nothing for twice as long has lost its network. */
export const aliveMs = 15_000;

export type FromTerminal =
  | { readonly kind: 'alive' }
  /** One is in. What is shown from here on begins with the scrollback, whole; `shown` counts from here. */
  | {
      readonly kind: 'entered';
      readonly session: string;
      readonly server: number;
      readonly user: string;
      readonly mode: WatchMode;
      /** For who has knocked: by which they come back. */
      readonly key: string | null;
      /** By whose wish what is shown is recorded; null: it is not. */
      readonly recordedBy: string | null;
      readonly columns: number;
      readonly rows: number;
    }
  /** More came than this view kept up with: all is shown anew from the scrollback that follows. */
  | { readonly kind: 'again' }
  /** The next binary message was shown before: what it asks of a terminal has been answered. */
  | { readonly kind: 'replay' }
  /** Somebody else's window decides now. */
  | { readonly kind: 'resized'; readonly columns: number; readonly rows: number }
  | { readonly kind: 'viewers'; readonly count: number }
  /** To be answered without echo. */
  | { readonly kind: 'question'; readonly text: string }
  | { readonly kind: 'shared'; readonly key: string; readonly mode: WatchMode; readonly untilMs: number }
  /** The session is over, and this is its last message. */
  | { readonly kind: 'over'; readonly reason: string }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }
  | FromFiles;

/** At `filesPath`: the same first message, without a screen. */
export const ToFilesSocketSchema = Type.Union([
  kind('enter', { ticket: Type.String({ maxLength: 100 }) }),
  kind('answer', { text: Type.Union([Type.String({ maxLength: 1024 }), Type.Null()]) }),
  ToFilesSchema,
]);

export type ToFilesSocket = Static<typeof ToFilesSocketSchema>;

export type FromFilesSocket =
  | { readonly kind: 'entered'; readonly server: number; readonly user: string }
  | Extract<FromTerminal, { kind: 'alive' | 'question' | 'over' | 'refused' | 'files' }>;
