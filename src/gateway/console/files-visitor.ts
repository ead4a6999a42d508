/** From a WebSocket to a server's files: a connection of the person's own to its SSH service, for as long as the page is there. */
import type { Client } from 'ssh2';
import type { Log } from '../../base/log.ts';
import type { ToFilesSocket } from '../../contract/terminal.ts';
import { fault } from '../../core/errors.ts';
import type { LedgerLine } from '../bastion/ledger.ts';
import { hangUp } from '../bastion/ssh2-extras.ts';
import { connectToServer, enterByTicket, Entrance } from './entrance.ts';
import { answerFiles, type FileDesk, makeFileDesk } from './file-desk.ts';
import type { OpenerOptions } from './opened-terminal.ts';
import type { FilesSocket, SocketHears } from './page-socket.ts';

export interface FilesVisitorOptions extends Pick<OpenerOptions, 'link' | 'ledger' | 'transfers'> {
  readonly fromAddress: string;
  /** How many pages each person has at this worker. */
  readonly counts: Map<string, number>;
  readonly log: Log;
}

const mostOfPerson = 30;

export function serveFiles(options: FilesVisitorOptions, connect: (hears: SocketHears<ToFilesSocket>) => FilesSocket): void {
  const visitor = new FilesVisitor(options);
  visitor.begin(connect(visitor));
}

class FilesVisitor implements SocketHears<ToFilesSocket> {
  readonly #options: FilesVisitorOptions;
  readonly #entrance: Entrance<FilesSocket>;
  #desk: FileDesk | undefined;

  constructor(options: FilesVisitorOptions) {
    this.#options = options;
    this.#entrance = new Entrance(options.log);
  }

  begin(socket: FilesSocket): void {
    this.#entrance.begin(socket);
  }

  closed(): void {
    this.#entrance.closed();
  }

  /** Files pass elsewhere. */
  input(): void {
    this.#entrance.socket?.close();
  }

  message(message: ToFilesSocket): void {
    if (message.kind === 'enter') return this.#entrance.enter(async () => await this.#enter(message.ticket));
    if (message.kind === 'answer') return this.#entrance.answer(message.text);
    if (this.#desk === undefined) return;
    void answerFiles(this.#desk, message, this.#options.log).then((said) => this.#entrance.socket?.send(said));
  }

  async #enter(ticket: string): Promise<void> {
    const { link, ledger, fromAddress, transfers } = this.#options;
    const { signal, socket } = this.#entrance;
    const { credential, person, place, user } = await enterByTicket(link, ticket, fromAddress);
    this.#count(person);
    const ask = async (question: string) => await this.#entrance.ask(question);
    const client = await connectToServer({ credential, place, user, ask, signal }, this.#options);
    const line = ledger.begin(
      { credential, kind: 'files', server: place, detail: `files in a browser as ${user} on server ${place.id}` },
      (reason) => this.#over(client, line, reason),
    );
    client.once('close', () => this.#over(client, line, `server ${place.id} ended the connection`));
    signal.addEventListener('abort', () => this.#over(client, line, 'the page was closed'));
    if (signal.aborted) return this.#over(client, line, 'the page was closed');
    this.#desk = makeFileDesk({ client, counter: line, transfers, hasShell: false });
    socket?.send({ kind: 'entered', server: place.id, user });
  }

  #over(client: Client, line: LedgerLine, reason: string): void {
    this.#desk = undefined;
    line.end(reason);
    hangUp(client);
    this.#entrance.socket?.send({ kind: 'over', reason });
    this.#entrance.socket?.close();
  }

  /** Each is a connection to a server and its memory here. */
  #count(person: string): void {
    const { counts } = this.#options;
    const count = counts.get(person) ?? 0;
    if (count >= mostOfPerson) throw fault('too-many-tries', `you look at files in ${mostOfPerson} pages already: close one first`);
    counts.set(person, count + 1);
    this.#entrance.signal.addEventListener('abort', () => {
      const left = (counts.get(person) ?? 1) - 1;
      if (left === 0) counts.delete(person);
      else counts.set(person, left);
    });
  }
}
