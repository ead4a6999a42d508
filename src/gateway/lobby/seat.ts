/** What one session channel of a signed-in person offers to what runs on it: the lobby, a command of the manager, or a server. */
import type { Duplex, Writable } from 'node:stream';
import type { Client } from '../../client/client.ts';
import type { EnterRequest } from '../../core/login.ts';
import type { PersonName } from '../../core/names.ts';

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export interface Pty {
  /** `xterm-256color`; `dumb` where nothing was said. */
  readonly term: string;
  /** The client sent NO_COLOR with any value (no-color.org). */
  readonly noColour: boolean;
  size(): TerminalSize;
  /** Calls back at each change until the returned function is called. */
  onResize(callback: (size: TerminalSize) => void): () => void;
}

export interface Seat {
  readonly person: PersonName;
  /** The API as this person. */
  readonly client: Client;
  /** Input and output. Writing to `errors` is the error side; on a terminal both are the same. */
  readonly channel: Duplex;
  readonly errors: Writable;
  /** Undefined where no terminal was asked for (`ssh gw list`). */
  readonly pty: Pty | undefined;
  /** What people put before the colon: the address they reached us at, for sentences and examples. */
  readonly host: string;
  readonly port: number;
  readonly version: string;
  /** Fires when the person hangs up or the session is ended from elsewhere. */
  readonly signal: AbortSignal;
  /** An interrupt (^C without a terminal arrives as SSH's signal INT). */
  onInterrupt(callback: () => void): () => void;
  /**
   * Takes channel and terminal over until the session there ends. The channel comes paused and without listeners of ours; what was typed ahead is in it again.
   * Resolves with its exit code (128 + signal where a signal ended it), with nothing of the session listening any more. Throws a fault with a sentence.
   */
  enter(request: EnterRequest): Promise<number>;
}
