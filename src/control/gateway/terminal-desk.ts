/**
 * Browser terminals: a ticket for whoever may enter a server, asked for with their token on the portal's own origin, and shown once by the WebSocket, which has
 * no head of its own to put a token in. What the gateway gets for it lives as long as the token does.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { fault } from '../../core/errors.ts';
import type { Generation, ServerId } from '../../core/ids.ts';
import { type AccessDesk } from '../access-desk.ts';
import { type Caller, requirePerson } from '../caller.ts';
import type { Credentials } from './session-credential.ts';

export interface TerminalEntered {
  readonly credential: string;
  readonly person: string;
  readonly id: ServerId;
  readonly generation: Generation;
  /** Inside; undefined: its first one. */
  readonly user: string | undefined;
}

export interface TerminalDesk {
  /** Throws what `AccessDesk.require` throws, and `not-allowed` where no token asks. */
  ticket(caller: Caller, id: number, user: string | undefined): Promise<string>;
  /** Once, within half a minute. Throws `not-signed-in`. */
  enter(ticket: string, fromAddress: string): TerminalEntered;
}

export interface TerminalDeskOptions {
  readonly access: AccessDesk;
  readonly credentials: Credentials;
  readonly clock: Clock;
}

interface Ticket extends Omit<TerminalEntered, 'credential'> {
  readonly tokenId: string;
  readonly endsMs: number;
}

const ticketMs = 30_000;
/** The oldest make room: somebody who draws them without end harms who draws at the same moment, and nobody else. */
const mostTickets = 10_000;

export function makeTerminalDesk({ access, credentials, clock }: TerminalDeskOptions): TerminalDesk {
  const tickets = new Map<string, Ticket>();
  return {
    async ticket(caller, id, user) {
      const { name } = requirePerson(caller, 'open a terminal here');
      const { tokenId } = caller;
      if (tokenId === undefined) throw fault('not-allowed', 'a terminal in a browser is opened with a token: sign in for one');
      const { record } = await access.require(caller, id, 'enter');
      for (const [key, { endsMs }] of tickets) {
        if (endsMs > clock.now() && tickets.size < mostTickets) break;
        tickets.delete(key);
      }
      const key = randomBytes(24).toString('base64url');
      tickets.set(key, { person: name, tokenId, id: record.id, generation: record.generation, user, endsMs: clock.now() + ticketMs });
      return key;
    },
    enter(key, fromAddress) {
      const ticket = tickets.get(key);
      tickets.delete(key);
      if (ticket === undefined || ticket.endsMs <= clock.now())
        throw fault('not-signed-in', 'this way in has been used or has run out: open the terminal again');
      const { person, tokenId, id, generation, user } = ticket;
      const credential = credentials.issue({ person, fromAddress, proof: { kind: 'token', id: tokenId }, sinceMs: clock.now() });
      return { credential, person, id, generation, user };
    },
  };
}
