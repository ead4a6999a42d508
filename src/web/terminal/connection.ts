/**
 * The page's end of a terminal: a WebSocket that is made anew for as long as it may help, with a fresh ticket each time, and tells how much has been shown. The
 * name of the session is kept by the tab (`sessionStorage`), so that the same page, loaded anew, finds its terminal again.
 */
import { type FilesLink, FilesQuestions } from '../files/files-link.ts';
import { aliveMs, type FromTerminal, terminalPath, type ToTerminal } from '../../contract/terminal.ts';

export interface Screen {
  /** Calls back when it is shown. `isReplay`: it was shown before, and nothing that it asks for is done again. */
  write(data: Uint8Array, isReplay: boolean, shown: () => void): void;
  reset(): void;
  readonly size: { readonly columns: number; readonly rows: number };
}

export interface ConnectionHears {
  message(message: FromTerminal): void;
  /** `lost`: tried again in a moment. */
  state(state: 'connecting' | 'open' | 'lost' | 'over'): void;
}

/** How one comes in. */
export type Right =
  | { readonly kind: 'owner'; readonly ticket: () => Promise<string> }
  | { readonly kind: 'guest'; readonly key: string; readonly session: string }
  /** Without an account: as that user of the server. */
  | { readonly kind: 'knock'; readonly user: string };

export interface ConnectionOptions {
  readonly server: number;
  readonly right: Right;
  readonly screen: Screen;
  readonly hears: ConnectionHears;
}

export interface Connection {
  input(data: string | Uint8Array): void;
  /** False where there is no connection. */
  send(message: ToTerminal): boolean;
  readonly files: FilesLink;
  /** Begins a new session where the former one is over. */
  anew(): void;
  /** This page looks no more; the session goes on for a while. */
  close(): void;
}

/** Told each time when so much has been shown. */
const tellBytes = 64 * 1024;
const retryMs = [250, 500, 1000, 2000, 4000] as const;
/** The gateway takes a message of 128 KiB. */
const longestInput = 32 * 1024;

/** The next connection of this tab is to that session. */
export function takeUp(server: number, session: string): void {
  sessionStorage.setItem(nameKey(server), session);
}

export function hasOne(server: number): boolean {
  return sessionStorage.getItem(nameKey(server)) !== null;
}

const nameKey = (server: number) => `myserver.terminal.${server}`;
/** What a session that was knocked for is taken up by, and as whom. */
const keyKey = (server: number) => `${nameKey(server)}.key`;
const userKey = (server: number) => `${nameKey(server)}.user`;

/** As whom this tab has come to that server without an account; null: it has not. */
export function knockedAs(server: number): string | null {
  return sessionStorage.getItem(userKey(server));
}

export function connect(options: ConnectionOptions): Connection {
  const made = new PageConnection(options);
  made.anew();
  return made;
}

class PageConnection implements Connection {
  readonly #options: ConnectionOptions;
  readonly #encoder = new TextEncoder();
  readonly #questions = new FilesQuestions((message) => this.send(message));
  #socket: WebSocket | undefined;
  #isReplayNext = false;
  #failures = 0;
  #isOver = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  input(data: string | Uint8Array): void {
    const bytes = typeof data === 'string' ? this.#encoder.encode(data) : data;
    for (let at = 0; at < bytes.length; at += longestInput)
      if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(bytes.slice(at, at + longestInput));
  }

  send(message: ToTerminal): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  get files(): FilesLink {
    return this.#questions;
  }

  anew(): void {
    void this.#open();
  }

  close(): void {
    this.#isOver = true;
    this.#socket?.close();
  }

  async #open(): Promise<void> {
    const { server, right, hears } = this.#options;
    this.#isOver = false;
    hears.state('connecting');
    const name = right.kind === 'guest' ? right.session : sessionStorage.getItem(nameKey(server));
    try {
      const first: ToTerminal = { ...(await this.#firstWords(name)), ...this.#options.screen.size };
      if (!this.#isOver) this.#begin(name, first);
    } catch (error) {
      this.#failed(error);
    }
  }

  async #firstWords(name: string | null) {
    const { server, right } = this.#options;
    if (right.kind === 'guest') return { kind: 'join', key: right.key } as const;
    if (right.kind === 'owner') return { kind: 'enter', ticket: await right.ticket() } as const;
    const key = sessionStorage.getItem(keyKey(server));
    return key === null || name === null ? ({ kind: 'knock', server, user: right.user } as const) : ({ kind: 'resume', key } as const);
  }

  #begin(name: string | null, first: ToTerminal): void {
    const query = name === null ? '' : `?${new URLSearchParams({ session: name }).toString()}`;
    const socket = new WebSocket(`wss://${location.host}${terminalPath}${query}`);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    const show = this.#showing(socket);
    const lost = () => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      this.#questions.lost();
      if (!this.#isOver) this.#again();
    };
    let silence: ReturnType<typeof setTimeout> | undefined;
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(() => {
        // What waits for the other side to say goodbye would wait long.
        lost();
        socket.close();
      }, 2 * aliveMs);
    };
    heard();
    socket.addEventListener('open', () => socket.send(JSON.stringify(first)));
    socket.addEventListener('message', ({ data }: MessageEvent<string | ArrayBuffer>) => {
      heard();
      if (typeof data === 'string') this.#take(JSON.parse(data) as FromTerminal, name);
      else show(new Uint8Array(data));
    });
    socket.addEventListener('close', () => {
      clearTimeout(silence);
      lost();
    });
  }

  /** Output is shown, and how much has been is told now and then. */
  #showing(socket: WebSocket): (bytes: Uint8Array) => void {
    let [received, shown, told] = [0, 0, 0];
    return (bytes) => {
      received += bytes.length;
      const isReplay = this.#isReplayNext;
      this.#isReplayNext = false;
      this.#options.screen.write(bytes, isReplay, () => {
        shown += bytes.length;
        if (shown - told < tellBytes && shown !== received) return;
        told = shown;
        if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ kind: 'shown', bytes: shown } satisfies ToTerminal));
      });
    };
  }

  #take(message: FromTerminal, asked: string | null): void {
    const { server, right, screen, hears } = this.#options;
    if (message.kind === 'entered') {
      this.#failures = 0;
      if (right.kind !== 'guest') sessionStorage.setItem(nameKey(server), message.session);
      if (message.key !== null) {
        sessionStorage.setItem(keyKey(server), message.key);
        sessionStorage.setItem(userKey(server), message.user);
      }
      screen.reset();
      hears.state('open');
    } else if (message.kind === 'again') screen.reset();
    else if (message.kind === 'replay') this.#isReplayNext = true;
    else if (message.kind === 'files') this.#questions.take(message);
    else if (message.kind === 'over') this.#end();
    else if (message.kind === 'refused') {
      // The one that the tab remembers is over: a new one takes its place.
      if (message.code === 'not-found' && asked !== null && right.kind !== 'guest') {
        this.#end();
        return this.anew();
      }
      // Control is away for a moment: asked again when the connection closes.
      if (message.code !== 'control-unreachable') this.#end();
    }
    hears.message(message);
  }

  #end(): void {
    const { server, right, hears } = this.#options;
    this.#isOver = true;
    if (right.kind !== 'guest') for (const key of [nameKey(server), keyKey(server), userKey(server)]) sessionStorage.removeItem(key);
    hears.state('over');
  }

  #failed(error: unknown): void {
    // Without a network nothing is over yet.
    if (error instanceof TypeError) return this.#again();
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'internal';
    this.#isOver = true;
    this.#options.hears.state('over');
    this.#options.hears.message({ kind: 'refused', code, message: error instanceof Error ? error.message : String(error) });
  }

  #again(): void {
    this.#options.hears.state('lost');
    const retry = () => {
      clearTimeout(timer);
      removeEventListener('online', retry);
      if (!this.#isOver) this.anew();
    };
    const timer = setTimeout(retry, retryMs[Math.min(this.#failures, retryMs.length - 1)]);
    addEventListener('online', retry);
    this.#failures += 1;
  }
}
