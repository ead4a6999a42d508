/** From a WebSocket to a terminal: what its first message shows decides which one it looks at, and what it may do there. */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Log } from '../../base/log.ts';
import type { ToTerminal, WatchMode } from '../../contract/terminal.ts';
import { fault, toFault } from '../../core/errors.ts';
import { networkOf } from '../../core/peer-address.ts';
import { type OpenedTerminal, openTerminal, type OpenerOptions } from './opened-terminal.ts';
import type { Attachment, TerminalSize, View } from './terminal-session.ts';
import { enterByTicket, Entrance } from './entrance.ts';
import { answerFiles } from './file-desk.ts';
import type { SocketHears, TerminalSocket } from './page-socket.ts';
import type { HeldTerminals } from './terminals.ts';
import type { Turns } from './turns.ts';

export interface VisitorOptions extends OpenerOptions {
  readonly held: HeldTerminals;
  /** Of the terminal that is to be taken up again; undefined: a new one. */
  readonly name: string | undefined;
  readonly fromAddress: string;
  /** Of passwords that servers are asked about, by network. */
  readonly turns: Turns;
  readonly log: Log;
}

/** Of one person, at one worker: each is a connection to a server and its memory here. */
const mostTerminals = 30;
const mostViewers = 50;
/** Input that waits while the server takes none; then the page is not read from. */
const inputPauseMs = 20;

const firstKinds = ['enter', 'join', 'knock', 'resume'] as const;
type First<K extends (typeof firstKinds)[number] = (typeof firstKinds)[number]> = Extract<ToTerminal, { kind: K }>;

function isFirst(message: ToTerminal): message is First {
  return (firstKinds as readonly string[]).includes(message.kind);
}

export function serveVisitor(options: VisitorOptions, connect: (hears: SocketHears<ToTerminal>) => TerminalSocket): void {
  const visitor = new Visitor(options);
  visitor.begin(connect(visitor));
}

class Visitor implements SocketHears<ToTerminal> {
  readonly #options: VisitorOptions;
  readonly #entrance: Entrance<TerminalSocket>;
  #at:
    | { readonly terminal: OpenedTerminal; readonly attachment: Attachment; readonly mode: WatchMode; readonly isOwner: boolean }
    | undefined;

  constructor(options: VisitorOptions) {
    this.#options = options;
    this.#entrance = new Entrance(options.log);
  }

  begin(socket: TerminalSocket): void {
    this.#entrance.begin(socket);
  }

  closed(): void {
    this.#entrance.closed();
    this.#at?.attachment.detach();
  }

  input(data: Buffer): void {
    if (this.#at === undefined || this.#at.attachment.input(data)) return;
    this.#entrance.socket?.pause();
    setTimeout(() => this.#entrance.socket?.resume(), inputPauseMs);
  }

  message(message: ToTerminal): void {
    if (isFirst(message)) return this.#entrance.enter(async () => await this.#come(message));
    if (message.kind === 'answer') return this.#entrance.answer(message.text);
    if (this.#at === undefined) return;
    const { terminal, attachment, isOwner } = this.#at;
    const { held } = this.#options;
    if (message.kind === 'resize') attachment.resize({ columns: message.columns, rows: message.rows });
    else if (message.kind === 'shown') attachment.shown(message.bytes);
    // What follows is its owner's alone, whatever a link lets somebody do.
    else if (!isOwner) return;
    else if (message.kind === 'files')
      void answerFiles(terminal.files, message, this.#options.log).then((said) => this.#entrance.socket?.send(said));
    else if (message.kind === 'end') terminal.end('it was ended in the browser');
    else if (message.kind === 'unshare') held.unshare(terminal);
    else {
      const untilMs = Date.now() + message.seconds * 1000;
      this.#entrance.socket?.send({ kind: 'shared', key: held.share(terminal, message.mode, untilMs), mode: message.mode, untilMs });
    }
  }

  async #come(message: First): Promise<void> {
    switch (message.kind) {
      case 'enter':
        return await this.#enter(message);
      case 'join':
        return this.#join(message);
      case 'knock':
        return await this.#knock(message);
      case 'resume':
        return this.#resume(message);
    }
  }

  async #enter({ ticket, columns, rows }: First<'enter'>): Promise<void> {
    const { link, held, name, fromAddress } = this.#options;
    const { credential, person, place, user } = await enterByTicket(link, ticket, fromAddress);
    const size = { columns, rows };
    const ask = async (question: string) => await this.#entrance.ask(question);
    const terminal =
      name === undefined
        ? await this.#open({ credential, person, countedFor: person, key: undefined, place, user, size, ask })
        : held.byName(name);
    const isTheirs = terminal !== undefined && terminal.person === person && terminal.place.generation === place.generation;
    if (!isTheirs) throw fault('not-found', 'that terminal is over');
    terminal.goOnWith(credential);
    this.#attach(terminal, 'type', size, true);
  }

  /** Control counts each wrong password, and says when the next may be tried. */
  async #knock({ server, user, columns, rows }: First<'knock'>): Promise<void> {
    const { link, fromAddress, turns } = this.#options;
    const from = networkOf(fromAddress);
    const { credential, place } = await link.call('guestEnter', { body: { server, user, fromAddress } });
    const tell = async (what: 'try' | 'right' | 'wrong') => await link.call('guestTry', { body: { credential, what } });
    let leave: (() => void) | undefined;
    const ask = async (question: string) => {
      leave?.();
      if (leave !== undefined) await tell('wrong');
      const password = await this.#entrance.ask(question);
      leave = await turns.take(from);
      await tell('try');
      return password;
    };
    const size = { columns, rows };
    const key = randomBytes(24).toString('base64url');
    try {
      const asking = { credential, person: undefined, countedFor: `without an account, from ${from}`, key, place, user, size, ask };
      const terminal = await this.#open(asking);
      await tell('right');
      this.#attach(terminal, 'type', size, true);
    } catch (error) {
      if (leave !== undefined && toFault(error).code === 'wrong-password') await tell('wrong');
      throw error;
    } finally {
      leave?.();
    }
  }

  #resume({ key, columns, rows }: First<'resume'>): void {
    const { held, name } = this.#options;
    const terminal = name === undefined ? undefined : held.byName(name);
    if (terminal?.key === undefined || !isSame(terminal.key, key)) throw fault('not-found', 'that terminal is over');
    this.#attach(terminal, 'type', { columns, rows }, true);
  }

  async #open(asked: Omit<Parameters<typeof openTerminal>[0], 'name' | 'signal' | 'onOver'>): Promise<OpenedTerminal> {
    const { held } = this.#options;
    if (held.countOf(asked.countedFor) >= mostTerminals)
      throw fault('too-many-tries', `you have ${mostTerminals} terminals open already: close one first`);
    const terminal = await openTerminal(
      { ...asked, name: held.newName(), signal: this.#entrance.signal, onOver: (over) => held.drop(over) },
      this.#options,
    );
    held.keep(terminal);
    return terminal;
  }

  #join({ key, columns, rows }: First<'join'>): void {
    const shared = this.#options.held.join(key, () => this.#leaveBecause('this link has run out, or was taken back'));
    if (shared === undefined) throw fault('not-found', 'this link has run out, was taken back, or its terminal is over');
    this.#entrance.signal.addEventListener('abort', () => shared.leave());
    if (shared.terminal.session.viewers >= mostViewers) throw fault('too-many-tries', `${mostViewers} look at this terminal already`);
    this.#attach(shared.terminal, shared.mode, { columns, rows }, false);
  }

  #leaveBecause(reason: string): void {
    this.#at?.attachment.detach();
    this.#at = undefined;
    this.#entrance.socket?.send({ kind: 'over', reason });
    this.#entrance.socket?.close();
  }

  #attach(terminal: OpenedTerminal, mode: WatchMode, size: TerminalSize, isOwner: boolean): void {
    const socket = this.#entrance.socket;
    if (socket === undefined || this.#entrance.signal.aborted) {
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
    const key = (isOwner ? terminal.key : undefined) ?? null;
    socket.send({ kind: 'entered', session: name, server: place.id, user, mode, key, recordedBy: place.recordedBy, ...now });
    this.#at = { terminal, attachment: session.attach(view, size), mode, isOwner };
  }
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
