/** From a WebSocket to a server's files: a connection of the person's own to its SSH service, for as long as the page is there. */
import type { Client } from 'ssh2';
import { messageOf } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import type { ToFiles } from '../../contract/files.ts';
import type { ToFilesSocket } from '../../contract/terminal.ts';
import { fault, toFault } from '../../core/errors.ts';
import { openInner } from '../bastion/inner-connection.ts';
import type { LedgerLine } from '../bastion/ledger.ts';
import { hangUp } from '../bastion/ssh2-extras.ts';
import { type FileDesk, makeFileDesk } from './file-desk.ts';
import type { OpenerOptions } from './opened-terminal.ts';
import type { FilesSocket, SocketHears } from './page-socket.ts';

export interface FilesVisitorOptions extends Pick<OpenerOptions, 'link' | 'ledger' | 'transfers'> {
  readonly fromAddress: string;
  /** How many pages each person has at this worker. */
  readonly counts: Map<string, number>;
  readonly log: Log;
}

/** To the first message. */
const firstMs = 10_000;
const mostOfPerson = 30;

export function serveFiles(options: FilesVisitorOptions, connect: (hears: SocketHears<ToFilesSocket>) => FilesSocket): void {
  const visitor = new FilesVisitor(options);
  visitor.begin(connect(visitor));
}

class FilesVisitor implements SocketHears<ToFilesSocket> {
  readonly #options: FilesVisitorOptions;
  readonly #gone = new AbortController();
  #socket: FilesSocket | undefined;
  #late: NodeJS.Timeout | undefined;
  #hasEntered = false;
  #answer: ((text: string | undefined) => void) | undefined;
  #desk: FileDesk | undefined;

  constructor(options: FilesVisitorOptions) {
    this.#options = options;
  }

  begin(socket: FilesSocket): void {
    this.#socket = socket;
    this.#late = setTimeout(() => socket.close(), firstMs);
  }

  closed(): void {
    clearTimeout(this.#late);
    this.#gone.abort();
    this.#answer?.(undefined);
  }

  /** Files pass elsewhere. */
  input(): void {
    this.#socket?.close();
  }

  message(message: ToFilesSocket): void {
    if (message.kind === 'answer') return this.#answer?.(message.text ?? undefined);
    if (message.kind === 'files') {
      if (this.#desk !== undefined) void answerFiles(this.#desk, message, this.#options.log).then((said) => this.#socket?.send(said));
      return;
    }
    if (this.#hasEntered) return;
    this.#hasEntered = true;
    clearTimeout(this.#late);
    this.#enter(message.ticket).catch((error: unknown) => {
      const { code, message: sentence } = toFault(error);
      if (code === 'internal') this.#options.log.warn({ error: messageOf(error) }, 'files failed by a fault of ours');
      this.#socket?.send({ kind: 'refused', code, message: sentence });
      this.#socket?.close();
    });
  }

  async #enter(ticket: string): Promise<void> {
    const { link, ledger, fromAddress, transfers } = this.#options;
    const entered = await link.call('terminalEnter', { body: { ticket, fromAddress } });
    const { credential, person, server, generation } = entered;
    const place = await link.call('place', { body: { credential, server: String(server) } });
    if (place.generation !== generation) throw fault('no-such-server', `server ${server} is another one by now`);
    this.#count(person);
    const user = entered.user ?? place.admin;
    const client = await openInner({
      link,
      credential,
      place,
      user,
      askPassword: async (question) => await this.#ask(question),
      openAgent: () => Promise.reject(new Error('a browser has no agent')),
      signal: this.#gone.signal,
      onRefused: (what) => ledger.refuse({ ...what, credential }),
    });
    const line = ledger.begin(
      { credential, kind: 'files', server: place, detail: `files in a browser as ${user} on server ${place.id}` },
      (reason) => this.#over(client, line, reason),
    );
    client.on('error', () => hangUp(client));
    client.once('close', () => this.#over(client, line, `server ${place.id} ended the connection`));
    this.#gone.signal.addEventListener('abort', () => this.#over(client, line, 'the page was closed'));
    if (this.#gone.signal.aborted) return this.#over(client, line, 'the page was closed');
    this.#desk = makeFileDesk({ client, counter: line, transfers, hasShell: false });
    this.#socket?.send({ kind: 'entered', server: place.id, user });
  }

  #over(client: Client, line: LedgerLine, reason: string): void {
    this.#desk = undefined;
    line.end(reason);
    hangUp(client);
    this.#socket?.send({ kind: 'over', reason });
    this.#socket?.close();
  }

  /** Each is a connection to a server and its memory here. */
  #count(person: string): void {
    const { counts } = this.#options;
    const count = counts.get(person) ?? 0;
    if (count >= mostOfPerson) throw fault('too-many-tries', `you look at files in ${mostOfPerson} pages already: close one first`);
    counts.set(person, count + 1);
    this.#gone.signal.addEventListener('abort', () => {
      const left = (counts.get(person) ?? 1) - 1;
      if (left === 0) counts.delete(person);
      else counts.set(person, left);
    });
  }

  async #ask(question: string): Promise<string | undefined> {
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    this.#answer = resolve;
    this.#socket?.send({ kind: 'question', text: question });
    return await promise;
  }
}

/** What is told of it, whatever happens. */
export async function answerFiles(desk: FileDesk, { id, ask }: ToFiles, log: Log) {
  try {
    return { kind: 'files', id, result: await desk.answer(ask) } as const;
  } catch (error) {
    const { code, message } = toFault(error);
    if (code === 'internal') log.warn({ error: messageOf(error), what: ask.what }, 'files failed by a fault of ours');
    return { kind: 'files', id, code, message } as const;
  }
}
