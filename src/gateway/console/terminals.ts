/** All browser terminals of one worker: who may open or take one up again is control's to say, and who was given the key of a link may join. */
import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import type { Log } from '../../base/log.ts';
import { terminalPath } from '../../contract/terminal.ts';
import { answerInstead } from '../http/upgrade.ts';
import { notFoundPage, refusedPage } from '../http/pages.ts';
import { clientAddressOf, takeFromWorker } from '../http/behind-front.ts';
import { isFromHere } from '../portal/api-relay.ts';
import { type OpenedTerminal, type OpenerOptions } from './opened-terminal.ts';
import { serveVisitor } from './terminal-visitor.ts';
import { longestMessageBytes, makeTerminalSocket } from './terminal-socket.ts';
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
  byKey(key: string): { readonly terminal: OpenedTerminal; readonly mode: 'watch' | 'type' } | undefined;
  /** How many of them this person has. */
  countOf(person: string): number;
  newName(): string;
  keep(terminal: OpenedTerminal): void;
  /** The key of a new link. */
  share(terminal: OpenedTerminal, mode: 'watch' | 'type', untilMs: number): string;
  unshare(terminal: OpenedTerminal): void;
  drop(terminal: OpenedTerminal): void;
  all(): readonly OpenedTerminal[];
}

/** Of all links of one terminal. */
const mostKeys = 50;

const hashOf = (key: string) => createHash('sha256').update(key).digest('hex');

function holdTerminals(worker: string, now: () => number = Date.now): HeldTerminals {
  const terminals = new Map<string, OpenedTerminal>();
  const keys = new Map<string, { readonly terminal: OpenedTerminal; readonly mode: 'watch' | 'type'; readonly untilMs: number }>();
  const keysOf = (terminal: OpenedTerminal) => [...keys].filter(([, shared]) => shared.terminal === terminal);
  return {
    byName: (name) => terminals.get(name),
    byKey(key) {
      const shared = keys.get(hashOf(key));
      return shared === undefined || shared.untilMs <= now() ? undefined : shared;
    },
    countOf: (person) => [...terminals.values()].filter((terminal) => terminal.person === person).length,
    newName: () => `${worker}-${randomBytes(9).toString('base64url')}`,
    keep: (terminal) => void terminals.set(terminal.name, terminal),
    share(terminal, mode, untilMs) {
      const [oldest] = keysOf(terminal);
      if (oldest !== undefined && keysOf(terminal).length >= mostKeys) keys.delete(oldest[0]);
      const key = randomBytes(18).toString('base64url');
      keys.set(hashOf(key), { terminal, mode, untilMs });
      return key;
    },
    unshare(terminal) {
      for (const [key] of keysOf(terminal)) keys.delete(key);
    },
    drop(terminal) {
      terminals.delete(terminal.name);
      for (const [key] of keysOf(terminal)) keys.delete(key);
    },
    all: () => [...terminals.values()],
  };
}

export function makeTerminals(options: TerminalsOptions): Terminals {
  const { door } = options;
  const held = holdTerminals(door.name);
  const sockets = new WebSocketServer({ noServer: true, maxPayload: longestMessageBytes, perMessageDeflate: false });

  function take({ request, client, first, fromAddress }: HandedOn, name: string | undefined): void {
    sockets.handleUpgrade(request, client, first, (socket) =>
      serveVisitor({ ...options, held, name, fromAddress }, (hears) => makeTerminalSocket(socket, hears)),
    );
  }

  return {
    held,
    upgrade(request, client, first, target) {
      const { pathname, searchParams } = new URL(target, 'https://own');
      if (pathname !== terminalPath) return false;
      if (!isFromHere(request) || request.headers.origin === undefined) {
        answerInstead(request, client, refusedPage(403, 'pages of other sites may not open a terminal'));
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
