/** From a WebSocket to a terminal: what its first message shows decides which one it looks at, and what it may do there. */
import { messageOf } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import type { ToTerminal, WatchMode } from '../../contract/terminal.ts';
import { fault, toFault } from '../../core/errors.ts';
import { type OpenedTerminal, openTerminal, type OpenerOptions } from './opened-terminal.ts';
import type { Attachment, TerminalSize, View } from './terminal-session.ts';
import { answerFiles } from './files-visitor.ts';
import type { SocketHears, TerminalSocket } from './page-socket.ts';
import type { HeldTerminals } from './terminals.ts';

export interface VisitorOptions extends OpenerOptions {
  readonly held: HeldTerminals;
  /** Of the terminal that is to be taken up again; undefined: a new one. */
  readonly name: string | undefined;
  readonly fromAddress: string;
  readonly log: Log;
}

/** Of one person, at one worker: each is a connection to a server and its memory here. */
const mostTerminals = 30;
const mostViewers = 50;
/** To the first message. */
const firstMs = 10_000;
/** Input that waits while the server takes none; then the page is not read from. */
const inputPauseMs = 20;

type Enter = Extract<ToTerminal, { kind: 'enter' | 'join' }>;

export function serveVisitor(options: VisitorOptions, connect: (hears: SocketHears<ToTerminal>) => TerminalSocket): void {
  const visitor = new Visitor(options);
  visitor.begin(connect(visitor));
}

class Visitor implements SocketHears<ToTerminal> {
  readonly #options: VisitorOptions;
  readonly #gone = new AbortController();
  #socket: TerminalSocket | undefined;
  #late: NodeJS.Timeout | undefined;
  #hasEntered = false;
  #answer: ((text: string | undefined) => void) | undefined;
  #at:
    | { readonly terminal: OpenedTerminal; readonly attachment: Attachment; readonly mode: WatchMode; readonly isOwner: boolean }
    | undefined;

  constructor(options: VisitorOptions) {
    this.#options = options;
  }

  begin(socket: TerminalSocket): void {
    this.#socket = socket;
    this.#late = setTimeout(() => socket.close(), firstMs);
  }

  closed(): void {
    clearTimeout(this.#late);
    this.#gone.abort();
    this.#answer?.(undefined);
    this.#at?.attachment.detach();
  }

  input(data: Buffer): void {
    if (this.#at === undefined || this.#at.attachment.input(data)) return;
    this.#socket?.pause();
    setTimeout(() => this.#socket?.resume(), inputPauseMs);
  }

  message(message: ToTerminal): void {
    if (message.kind === 'enter' || message.kind === 'join') return this.#first(message);
    if (message.kind === 'answer') return this.#answer?.(message.text ?? undefined);
    if (this.#at === undefined) return;
    const { terminal, attachment, isOwner } = this.#at;
    const { held } = this.#options;
    if (message.kind === 'resize') attachment.resize({ columns: message.columns, rows: message.rows });
    else if (message.kind === 'shown') attachment.shown(message.bytes);
    // What follows is its owner's alone, whatever a link lets somebody do.
    else if (!isOwner) return;
    else if (message.kind === 'files')
      void answerFiles(terminal.files, message, this.#options.log).then((said) => this.#socket?.send(said));
    else if (message.kind === 'end') terminal.end('it was ended in the browser');
    else if (message.kind === 'unshare') held.unshare(terminal);
    else {
      const untilMs = Date.now() + message.seconds * 1000;
      this.#socket?.send({ kind: 'shared', key: held.share(terminal, message.mode, untilMs), mode: message.mode, untilMs });
    }
  }

  #first(message: Enter): void {
    if (this.#hasEntered) return;
    this.#hasEntered = true;
    clearTimeout(this.#late);
    const entering = message.kind === 'enter' ? this.#enter(message) : Promise.resolve().then(() => this.#join(message));
    entering.catch((error: unknown) => {
      const { code, message: sentence } = toFault(error);
      if (code === 'internal') this.#options.log.warn({ error: messageOf(error) }, 'a terminal failed by a fault of ours');
      this.#socket?.send({ kind: 'refused', code, message: sentence });
      this.#socket?.close();
    });
  }

  async #enter({ ticket, columns, rows }: Extract<Enter, { kind: 'enter' }>): Promise<void> {
    const { link, held, name, fromAddress } = this.#options;
    const { credential, person, server, generation, user } = await link.call('terminalEnter', { body: { ticket, fromAddress } });
    const place = await link.call('place', { body: { credential, server: String(server) } });
    if (place.generation !== generation) throw fault('no-such-server', `server ${server} is another one by now`);
    const size = { columns, rows };
    const terminal =
      name === undefined ? await this.#open({ credential, person, place, user: user ?? place.admin, size }) : held.byName(name);
    const isTheirs = terminal !== undefined && terminal.person === person && terminal.place.generation === generation;
    if (!isTheirs) throw fault('not-found', 'that terminal is over');
    terminal.goOnWith(credential);
    this.#attach(terminal, 'type', size, true);
  }

  async #open(
    asked: Pick<Parameters<typeof openTerminal>[0], 'credential' | 'person' | 'place' | 'user' | 'size'>,
  ): Promise<OpenedTerminal> {
    const { held } = this.#options;
    if (held.countOf(asked.person) >= mostTerminals)
      throw fault('too-many-tries', `you have ${mostTerminals} terminals open already: close one first`);
    const terminal = await openTerminal(
      {
        ...asked,
        name: held.newName(),
        ask: async (question) => await this.#ask(question),
        signal: this.#gone.signal,
        onOver: (over) => held.drop(over),
      },
      this.#options,
    );
    held.keep(terminal);
    return terminal;
  }

  #join({ key, columns, rows }: Extract<Enter, { kind: 'join' }>): void {
    const shared = this.#options.held.join(key, () => this.#leaveBecause('this link has run out, or was taken back'));
    if (shared === undefined) throw fault('not-found', 'this link has run out, was taken back, or its terminal is over');
    this.#gone.signal.addEventListener('abort', () => shared.leave());
    if (shared.terminal.session.viewers >= mostViewers) throw fault('too-many-tries', `${mostViewers} look at this terminal already`);
    this.#attach(shared.terminal, shared.mode, { columns, rows }, false);
  }

  #leaveBecause(reason: string): void {
    this.#at?.attachment.detach();
    this.#at = undefined;
    this.#socket?.send({ kind: 'over', reason });
    this.#socket?.close();
  }

  #attach(terminal: OpenedTerminal, mode: WatchMode, size: TerminalSize, isOwner: boolean): void {
    const socket = this.#socket;
    if (socket === undefined || this.#gone.signal.aborted) {
      // Whoever went away while the server was asked has five minutes as anybody else.
      return;
    }
    const view: View = {
      mode,
      output: (data) => socket.output(data),
      tell: (message) => socket.send(message),
      close: () => socket.close(),
    };
    const { place, user, session, name } = terminal;
    const now = mode === 'type' ? size : session.size;
    socket.send({ kind: 'entered', session: name, server: place.id, user, mode, recordedBy: place.recordedBy, ...now });
    this.#at = { terminal, attachment: session.attach(view, size), mode, isOwner };
  }

  async #ask(question: string): Promise<string | undefined> {
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    this.#answer = resolve;
    this.#socket?.send({ kind: 'question', text: question });
    return await promise;
  }
}
