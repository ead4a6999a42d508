/** All browser terminals of one worker: who may open or take one up again is control's to say, and who was given the key of a link may join. */
import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import type { Log } from '../../base/log.ts';
import { filesPath } from '../../contract/files.ts';
import { terminalPath, type WatchMode } from '../../contract/terminal.ts';
import { answerInstead } from '../http/upgrade.ts';
import { notFoundPage, refusedPage } from '../http/pages.ts';
import { clientAddressOf, takeFromWorker } from '../http/behind-front.ts';
import { isFromHere } from '../portal/api-relay.ts';
import { type OpenedTerminal, type OpenerOptions } from './opened-terminal.ts';
import { serveVisitor } from './terminal-visitor.ts';
import { serveFiles } from './files-visitor.ts';
import { longestMessageBytes, makeFilesSocket, makeTerminalSocket } from './page-socket.ts';
import { makeTurns } from './turns.ts';
import type { HandedOn, WorkerDoor } from './worker-door.ts';

export interface TerminalsOptions extends OpenerOptions {
  readonly door: WorkerDoor;
  readonly log: Log;
}

export interface Terminals {
  /** A connection that wants to become a WebSocket, on our own origin. False: there is no terminal at that path. */
  upgrade(request: IncomingMessage, client: Socket, first: Buffer, target: string): boolean;
  readonly held: HeldTerminals;
}

/** Those that live, by name and by the keys that were handed out for them. */
export interface HeldTerminals {
  byName(name: string): OpenedTerminal | undefined;
  /** For who shows a key of a link. `cut` is called once, if the link ends first: it runs out, or is taken back. */
  join(key: string, cut: () => void): Joined | undefined;
  /** How many of them that person has, or who comes from that network without an account. */
  countOf(whose: string): number;
  newName(): string;
  keep(terminal: OpenedTerminal): void;
  /** The key of a new link. */
  share(terminal: OpenedTerminal, mode: WatchMode, untilMs: number): string;
  unshare(terminal: OpenedTerminal): void;
  drop(terminal: OpenedTerminal): void;
  all(): readonly OpenedTerminal[];
}

interface Joined {
  readonly terminal: OpenedTerminal;
  readonly mode: WatchMode;
  leave(): void;
}

interface Shared {
  readonly terminal: OpenedTerminal;
  readonly mode: WatchMode;
  readonly untilMs: number;
  /** Of those who came by it. */
  readonly cuts: Set<() => void>;
  readonly timer: NodeJS.Timeout;
}

/** Of all links of one terminal. */
const mostKeys = 50;

/** That servers are asked about for people without an account, from one network: each takes a server some seconds where it is wrong. */
const mostPasswordsAtOnce = 5;

const hashOf = (key: string) => createHash('sha256').update(key).digest('hex');

export function holdTerminals(worker: string): HeldTerminals {
  const terminals = new Map<string, OpenedTerminal>();
  const keys = new Map<string, Shared>();
  const keysOf = (terminal: OpenedTerminal) => [...keys].filter(([, shared]) => shared.terminal === terminal).map(([hash]) => hash);

  function end(hash: string): void {
    const shared = keys.get(hash);
    keys.delete(hash);
    clearTimeout(shared?.timer);
    for (const cut of shared?.cuts ?? []) cut();
  }

  return {
    byName: (name) => terminals.get(name),
    join(key, cut) {
      const shared = keys.get(hashOf(key));
      if (shared === undefined || shared.untilMs <= Date.now()) return undefined;
      shared.cuts.add(cut);
      return { terminal: shared.terminal, mode: shared.mode, leave: () => void shared.cuts.delete(cut) };
    },
    countOf: (whose) => [...terminals.values()].filter(({ countedFor }) => countedFor === whose).length,
    newName: () => `${worker}-${randomBytes(9).toString('base64url')}`,
    keep: (terminal) => void terminals.set(terminal.name, terminal),
    share(terminal, mode, untilMs) {
      const [oldest] = keysOf(terminal);
      if (oldest !== undefined && keysOf(terminal).length >= mostKeys) end(oldest);
      const key = randomBytes(18).toString('base64url');
      const hash = hashOf(key);
      const timer = setTimeout(() => end(hash), untilMs - Date.now()).unref();
      keys.set(hash, { terminal, mode, untilMs, cuts: new Set(), timer });
      return key;
    },
    unshare(terminal) {
      for (const hash of keysOf(terminal)) end(hash);
    },
    drop(terminal) {
      terminals.delete(terminal.name);
      for (const hash of keysOf(terminal)) end(hash);
    },
    all: () => [...terminals.values()],
  };
}

export function makeTerminals(options: TerminalsOptions): Terminals {
  const { door } = options;
  const held = holdTerminals(door.name);
  const filesPages = new Map<string, number>();
  const turns = makeTurns(mostPasswordsAtOnce);
  const sockets = new WebSocketServer({ noServer: true, maxPayload: longestMessageBytes, perMessageDeflate: false });

  function take({ request, client, first, fromAddress }: HandedOn, name: string | undefined): void {
    sockets.handleUpgrade(request, client, first, (socket) =>
      serveVisitor({ ...options, held, name, fromAddress, turns }, (hears) => makeTerminalSocket(socket, hears)),
    );
  }

  function takeFiles(request: IncomingMessage, client: Socket, first: Buffer): void {
    const fromAddress = clientAddressOf(request);
    sockets.handleUpgrade(request, client, first, (socket) =>
      serveFiles({ ...options, fromAddress, counts: filesPages }, (hears) => makeFilesSocket(socket, hears)),
    );
  }

  return {
    held,
    upgrade(request, client, first, target) {
      const { pathname, searchParams } = new URL(target, 'https://own');
      if (pathname !== terminalPath && pathname !== filesPath) return false;
      if (!isFromHere(request) || request.headers.origin === undefined) {
        answerInstead(request, client, refusedPage(403, 'pages of other sites may not enter a server'));
        return true;
      }
      if (pathname === filesPath) {
        takeFiles(request, client, first);
        return true;
      }
      const name = searchParams.get('session') ?? undefined;
      const connection = { request, client, first, fromAddress: clientAddressOf(request) };
      const here = () => take(connection, name);
      if (name === undefined || !door.handOn(name, connection, here)) here();
      return true;
    },
  };
}

/** A connection that another worker hands on. */
export function takeHandedOn(terminals: Terminals, { request, client, first, fromAddress }: HandedOn): void {
  takeFromWorker(request, fromAddress);
  if (!terminals.upgrade(request, client, first, request.url ?? '/')) answerInstead(request, client, notFoundPage);
}
