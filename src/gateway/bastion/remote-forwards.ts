/** Forwards that begin on a server (-R): its own sshd listens there, by its own rules, and what connects comes back over the same way (inner-pool.ts). */
import type { Client } from 'ssh2';
import { type Fault, messageOf } from '../../base/fault.ts';
import { fault } from '../../core/errors.ts';
import { permits } from './authentication.ts';
import type { Lease } from './inner-pool.ts';
import type { LedgerLine } from './ledger.ts';
import type { Login } from '../../core/login.ts';
import { hangUp } from './ssh2-extras.ts';
import type { Visit } from './visit.ts';

type Answer = ((port?: number) => void) | undefined;

/** What a client asks for (RFC 4254, section 7.1, and OpenSSH's PROTOCOL, section 2.4). */
interface Asked {
  readonly bindAddr?: string;
  readonly bindPort?: number;
  readonly socketPath?: string;
}

const mostListeners = 64;

export function serveRemoteForwards(visit: Visit): void {
  const { connection, options } = visit;
  // A client that is there for its forward alone would wait for ever; programs that keep tunnels up begin anew when it ends.
  const open = new OpenForwards(() => hangUp(connection, 'the server ended the connection on which its forwards were'));
  /** Asked for and not there yet: they come faster than a server listens. */
  let coming = 0;

  function refused(sentence: string): Fault {
    visit.refusals.note({ kind: 'remote-forward', detail: sentence });
    return fault('not-allowed', sentence);
  }

  async function begin(asked: Asked): Promise<number> {
    const { place: where } = visit.guest.login;
    if (where.kind !== 'server') throw refused('a remote forward begins on a server: put its ID or name before the address');
    if (!permits(visit.guest, 'permit-port-forwarding')) throw refused('the certificate does not permit forwards');
    if (open.count + coming >= mostListeners) throw refused(`${mostListeners} remote forwards are open on this connection already`);
    coming += 1;
    try {
      return await beginOn(where, asked);
    } finally {
      coming -= 1;
    }
  }

  async function beginOn({ server, inside }: Extract<Login['place'], { kind: 'server' }>, asked: Asked): Promise<number> {
    const place = await visit.placeOf(server);
    const lease = await visit.pool.lease(place, inside ?? place.admin, undefined);
    try {
      visit.signal.throwIfAborted();
      const port = await listen(lease.client, asked);
      const what = asked.socketPath ?? `port ${port}`;
      const key = keyOf({ ...asked, bindPort: port });
      const entry = { kind: 'remote-forward', server: place, detail: `${what} on server ${place.id}` };
      open.add(key, { lease, line: visit.begin(entry, () => void open.cancel(key)) });
      return port;
    } catch (error) {
      lease[Symbol.dispose]();
      throw error;
    }
  }

  connection.on('request', (accept: Answer, reject: Answer, name: string, asked: Asked) => {
    const isCancel = name.startsWith('cancel-');
    const work = isCancel ? open.cancel(keyOf(asked)).then(() => 0) : begin(asked);
    work.then(
      (port) => accept?.(port),
      (error: unknown) => {
        options.log.info({ error: messageOf(error) }, 'a remote forward was refused');
        reject?.();
      },
    );
  });
  connection.once('close', () => open.endAll('closed'));
}

interface OpenForward {
  readonly lease: Lease;
  readonly line: LedgerLine;
}

/** Those of one connection of a person. */
class OpenForwards {
  readonly #all = new Map<string, OpenForward>();
  readonly #watched = new WeakSet<Client>();
  readonly #onLost: () => void;

  /** `onLost`: the server has gone, and forwards with it. */
  constructor(onLost: () => void) {
    this.#onLost = onLost;
  }

  get count(): number {
    return this.#all.size;
  }

  add(key: string, forward: OpenForward): void {
    this.#all.set(key, forward);
    const { client } = forward.lease;
    if (this.#watched.has(client)) return;
    this.#watched.add(client);
    // Nothing listens any more where the server has stopped, or its sshd.
    client.once('close', () => {
      const lost = [...this.#all].filter(([, { lease }]) => lease.client === client);
      for (const [each] of lost) this.#end(each, 'the server hung up');
      if (lost.length > 0) this.#onLost();
    });
  }

  /** Its place is free only when nothing listens there. */
  async cancel(key: string): Promise<void> {
    const found = this.#all.get(key);
    if (found === undefined) return;
    await unlisten(found.lease.client, key).catch(() => {});
    if (this.#all.get(key) === found) this.#end(key, 'closed');
  }

  endAll(outcome: string): void {
    for (const key of this.#all.keys()) this.#end(key, outcome);
  }

  #end(key: string, outcome: string): void {
    const found = this.#all.get(key);
    this.#all.delete(key);
    found?.line.end(outcome);
    found?.lease[Symbol.dispose]();
  }
}

function keyOf({ bindAddr, bindPort, socketPath }: Asked): string {
  return socketPath ?? JSON.stringify([bindAddr ?? '', bindPort ?? 0]);
}

async function listen(client: Client, { bindAddr = '', bindPort = 0, socketPath }: Asked): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const done = (error: Error | undefined, port?: number) => (error ? reject(error) : resolve(port ?? bindPort));
  if (socketPath === undefined) client.forwardIn(bindAddr, bindPort, done);
  else client.openssh_forwardInStreamLocal(socketPath, (error) => done(error ?? undefined, 0));
  return await promise;
}

async function unlisten(client: Client, key: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (key.startsWith('[')) {
    const [address, port] = JSON.parse(key) as [string, number];
    client.unforwardIn(address, port, () => resolve());
  } else client.openssh_unforwardInStreamLocal(key, () => resolve());
  await promise;
}
