/** What every page of a server begins with: a first message in time, a ticket, a connection to the server's own sshd, and its questions on the way. */
import type { Client } from 'ssh2';
import { messageOf } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import type { Place } from '../../contract/internal.ts';
import type { FromTerminal } from '../../contract/terminal.ts';
import { fault, toFault } from '../../core/errors.ts';
import { openInner } from '../bastion/inner-connection.ts';
import type { Ledger } from '../bastion/ledger.ts';
import { hangUp } from '../bastion/ssh2-extras.ts';
import type { ControlLink } from '../control-link.ts';
import type { PageSocket } from './page-socket.ts';

/** To the first message. */
const firstMs = 10_000;

type Said = Extract<FromTerminal, { kind: 'question' | 'refused' }>;

/** One page's, from its WebSocket until it is gone. */
export class Entrance<Socket extends PageSocket<Said>> {
  readonly #log: Log;
  readonly #gone = new AbortController();
  #socket: Socket | undefined;
  #late: NodeJS.Timeout | undefined;
  #hasEntered = false;
  #answer: ((text: string | undefined) => void) | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  get socket(): Socket | undefined {
    return this.#socket;
  }

  /** Fires when the page has gone. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  begin(socket: Socket): void {
    this.#socket = socket;
    this.#late = setTimeout(() => socket.close(), firstMs);
  }

  closed(): void {
    clearTimeout(this.#late);
    this.#gone.abort();
    this.#answer?.(undefined);
  }

  /** By the first message, and by no other. A fault is told to the page, and closes it. */
  enter(work: () => Promise<void>): void {
    if (this.#hasEntered) return;
    this.#hasEntered = true;
    clearTimeout(this.#late);
    work().catch((error: unknown) => {
      const { code, message } = toFault(error);
      if (code === 'internal') this.#log.warn({ error: messageOf(error) }, "a server's page failed by a fault of ours");
      this.#socket?.send({ kind: 'refused', code, message });
      this.#socket?.close();
    });
  }

  async ask(question: string): Promise<string | undefined> {
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    this.#answer = resolve;
    this.#socket?.send({ kind: 'question', text: question });
    return await promise;
  }

  answer(text: string | null): void {
    this.#answer?.(text ?? undefined);
  }
}

export interface Entered {
  readonly credential: string;
  readonly person: string;
  readonly place: Place;
  readonly user: string;
}

/** Throws what the calls `terminalEnter` and `place` throw. */
export async function enterByTicket(link: ControlLink, ticket: string, fromAddress: string): Promise<Entered> {
  const { credential, person, server, generation, user } = await link.call('terminalEnter', { body: { ticket, fromAddress } });
  const place = await link.call('place', { body: { credential, server: String(server) } });
  if (place.generation !== generation) throw fault('no-such-server', `server ${server} is another one by now`);
  return { credential, person, place, user: user ?? place.admin };
}

export interface FromBrowser {
  readonly credential: string;
  readonly place: Place;
  readonly user: string;
  readonly ask: (question: string) => Promise<string | undefined>;
  readonly signal: AbortSignal;
}

/** Throws what `openInner` throws. */
export async function connectToServer(
  { credential, place, user, ask, signal }: FromBrowser,
  { link, ledger }: { readonly link: ControlLink; readonly ledger: Ledger },
): Promise<Client> {
  const client = await openInner({
    link,
    credential,
    place,
    user,
    askPassword: ask,
    openAgent: () => Promise.reject(new Error('a browser has no agent')),
    signal,
    onRefused: (what) => ledger.refuse({ ...what, credential }),
  });
  client.on('error', () => hangUp(client));
  return client;
}
