/**
 * One person's connections inwards, for one connection of theirs: sessions and forwards to the same user of the same server share one, as many as its sshd
 * takes. What comes back over it (X11, remote forwards, the agent) goes to the person whose it is.
 */
import type { Channel, Client, Connection, ServerChannel } from 'ssh2';
import type { Place } from '../../contract/internal.ts';
import type { ControlLink } from '../control-link.ts';
import { type InnerOptions, openInner } from './inner-connection.ts';
import { hasRoom } from './peer-limits.ts';
import type { Refusals } from './refusals.ts';
import { relayChannels } from './relay.ts';
import { hangUp, openAgentChannel } from './ssh2-extras.ts';

export interface Lease extends Disposable {
  readonly client: Client;
}

export interface InnerPool {
  /** Opened where there is none with room. `dispose` gives the room back; the connection stays for the next. Throws what `openInner` throws. */
  lease(place: Place, user: string, askPassword: InnerOptions['askPassword']): Promise<Lease>;
  /** One that was opened during the sign-in, with a password that is not kept. */
  adopt(place: Place, user: string, client: Client): void;
  closeAll(): void;
}

export interface InnerPoolOptions {
  readonly connection: Connection;
  readonly link: ControlLink;
  readonly credential: string;
  readonly refusals: Refusals;
  readonly signal: AbortSignal;
}

/** sshd's MaxSessions is 10; forwards do not count there, and are few. */
const mostOnOne = 9;

interface Held {
  readonly client: Client;
  users: number;
}

const nobody = { in: () => {}, out: () => {} };

export function makeInnerPool({ connection, link, credential, refusals, signal }: InnerPoolOptions): InnerPool {
  const held = new Map<string, Held[]>();
  /** One after the other, so that five sessions begun at once share one connection, and one question for a password. */
  const turns = new Map<string, Promise<unknown>>();
  const keyOf = ({ generation }: Place, user: string) => `${generation} ${user}`;

  function keep(key: string, client: Client): Held {
    const one: Held = { client, users: 0 };
    const all = held.get(key) ?? [];
    held.set(key, [...all, one]);
    client.once('close', () =>
      held.set(
        key,
        (held.get(key) ?? []).filter((other) => other !== one),
      ),
    );
    client.on('error', () => hangUp(client));
    bringBack(client, connection);
    return one;
  }

  async function find(place: Place, user: string, askPassword: InnerOptions['askPassword']): Promise<Held> {
    const key = keyOf(place, user);
    const free = held.get(key)?.find(({ users }) => users < mostOnOne);
    if (free !== undefined) return free;
    const openAgent = async () => {
      if (!hasRoom(connection)) throw new Error('no channel is free for the agent');
      return await openAgentChannel(connection);
    };
    const onRefused: InnerOptions['onRefused'] = (what) => refusals.note(what);
    return keep(key, await openInner({ link, credential, place, user, askPassword, openAgent, signal, onRefused }));
  }

  return {
    async lease(place, user, askPassword) {
      const key = keyOf(place, user);
      const turn = (turns.get(key) ?? Promise.resolve()).catch(() => {}).then(async () => await find(place, user, askPassword));
      turns.set(key, turn);
      const one = await turn;
      one.users += 1;
      return { client: one.client, [Symbol.dispose]: () => void (one.users -= 1) };
    },
    adopt: (place, user, client) => void keep(keyOf(place, user), client),
    closeAll() {
      for (const { client } of [...held.values()].flat()) hangUp(client);
    },
  };
}

/** Connections that begin on the server and end on the person's machine, as many as there is room for: a server may begin them without end. */
function bringBack(client: Client, connection: Connection): void {
  client.on('x11', ({ srcIP, srcPort }, accept, reject) => {
    if (!hasRoom(connection)) return reject();
    connection.x11(srcIP, srcPort, (error, outer) => join(error, outer, accept, reject));
  });
  client.on('tcp connection', ({ destIP, destPort, srcIP, srcPort }, accept, reject) => {
    if (!hasRoom(connection)) return reject();
    connection.forwardOut(destIP, destPort, srcIP, srcPort, (error, outer) => join(error, outer, accept, reject));
  });
  client.on('unix connection', ({ socketPath }, accept, reject) => {
    if (!hasRoom(connection)) return reject();
    connection.openssh_forwardOutStreamLocal(socketPath, (error, outer) => join(error, outer, accept, reject));
  });
}

function join(error: Error | undefined, outer: ServerChannel, accept: () => Channel | undefined, reject: () => void): void {
  const inner = error === undefined || error === null ? accept() : undefined;
  if (inner === undefined) reject();
  else void relayChannels(outer, inner, nobody);
}
