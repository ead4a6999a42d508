/**
 * The bastion: SSH connections from people, taken in within limits, signed in, and served. One for each worker of the gateway; nothing is shared between
 * workers but control.
 */
import { createServer, type Server as TcpServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import ssh2, { type Client, type Connection } from 'ssh2';
import { messageOf } from '../../base/fault.ts';
import type { Service } from '../../base/service.ts';
import { fault } from '../../core/errors.ts';
import { referenceText } from '../../core/login.ts';
import { plainAddress } from '../../core/peer-address.ts';
import type { Place } from '../../contract/internal.ts';
import { hasAesHardware, sshAlgorithms } from './algorithms.ts';
import { authenticate, type Guest, type SecondStep } from './authentication.ts';
import { type Doorkeeper, makeDoorkeeper } from './doorkeeper.ts';
import { openInner } from './inner-connection.ts';
import { extendSsh2, hasNativeCrypto } from './mlkem.ts';
import { bearServiceRequests } from './patience.ts';
import { limitPeer } from './peer-limits.ts';
import { hangUp, openAgentChannel, sendBanner, socketOf } from './ssh2-extras.ts';
import { makeVisit, serveVisit, type VisitOptions } from './visit.ts';

export interface BastionOptions extends VisitOptions {
  /** The private half, in OpenSSH's format. */
  readonly hostKey: string;
  readonly listen: { readonly host: string | undefined; readonly port: number };
  /** How long live sessions may go on after `stop`; asked again and again, for it may be cut short. */
  readonly drainMs: () => number;
  readonly onListening: () => void;
}

/** From the first byte to being signed in; a person at a password prompt needs a while (OpenSSH's LoginGraceTime is 120 s). */
const graceMs = 120_000;
/** Before the client has said its name and version there is nobody to be patient with. */
const helloMs = 10_000;
/** A network that went away without a word is noticed after three of these. */
const keepAliveMs = 30_000;

export function makeBastion(options: BastionOptions): Service & { address(): { readonly port: number } | undefined } {
  const { log } = options;
  extendSsh2();
  if (!hasNativeCrypto())
    log.warn({}, 'the SSH library runs without its native part, at a third to a half of its speed: "sudo ./up" compiles it');
  const keeper = makeDoorkeeper();
  const connections = new Set<Connection>();
  const server = new ssh2.Server(
    {
      hostKeys: [options.hostKey],
      ident: 'myserver',
      algorithms: sshAlgorithms(hasAesHardware()),
      keepaliveInterval: keepAliveMs,
      keepaliveCountMax: 3,
    } as ssh2.ServerConfig,
    (connection, { ip }) => {
      connections.add(connection);
      connection.once('close', () => connections.delete(connection));
      // Nothing that a client does wrong concerns anybody else.
      connection.on('error', () => {});
      bearServiceRequests(connection);
      void receive(connection, plainAddress(ip), keeper, options).catch((error: unknown) => {
        log.warn({ error: messageOf(error) }, 'a connection failed by a fault of ours');
        hangUp(connection);
      });
    },
  );
  const listener = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 }, (socket) =>
    admit(socket, keeper, server),
  );
  listener.on('error', (error) => log.error({ error: error.message }, 'the bastion cannot listen any more'));

  return {
    name: 'bastion',
    address: () => addressOf(listener),
    async start() {
      listener.listen({ ...options.listen, ipv6Only: false });
      await Promise.race([once(listener, 'listening'), once(listener, 'error').then(([error]: unknown[]) => Promise.reject(error))]);
      options.onListening();
      log.info({ port: addressOf(listener)?.port }, 'the bastion is open');
    },
    async stop() {
      listener.close();
      const began = performance.now();
      // Whoever is still signing in has a connection and no line yet.
      while (connections.size > 0 && performance.now() < began + options.drainMs()) await sleep(200);
      for (const connection of connections) connection.end();
      await sleep(0);
      for (const connection of connections) socketOf(connection).destroy();
    },
  };
}

function admit(socket: Socket, keeper: Doorkeeper, server: ssh2.Server): void {
  socket.on('error', () => {});
  const address = plainAddress(socket.remoteAddress ?? '');
  if (!keeper.mayEnter(address)) return void socket.destroy();
  keeper.waiting(socket, address, helloMs);
  server.injectSocket(socket);
}

async function receive(connection: Connection, fromAddress: string, keeper: Doorkeeper, options: BastionOptions): Promise<void> {
  const socket = socketOf(connection);
  limitPeer(connection);
  keeper.waiting(socket, fromAddress, graceMs);
  const gone = new AbortController();
  connection.once('close', () => gone.abort());
  const entered: Entered = { signal: gone.signal };
  // Nobody has moved so many bytes before the sign-in; but each change of keys costs us more than them.
  const onRekey = () => hangUp(connection);
  connection.on('rekey', onRekey);
  const guest = await authenticate(connection, fromAddress, {
    ...options,
    secondStepOf: async (one) => await secondStep(connection, one, options, entered),
  });
  connection.off('rekey', onRekey);
  keeper.signedIn(socket);
  const visit = makeVisit(connection, guest, options);
  if (entered.place !== undefined && entered.client !== undefined && guest.login.place.kind === 'server')
    visit.pool.adopt(entered.place, guest.login.place.inside ?? entered.place.admin, entered.client);
  serveVisit(visit, entered.place);
}

/** What the sign-in has opened. */
interface Entered {
  place?: Place;
  client?: Client;
  /** Fires when the person has gone. */
  readonly signal: AbortSignal;
}

/**
 * `root@123`: the password of that user inside is asked for during the sign-in, where every program can ask for one, scp and sftp too. What cannot be
 * (a stopped server, no right to it) is told inside the session, where there is room for a sentence.
 */
async function secondStep(
  connection: Connection,
  guest: Guest,
  { link, ledger }: BastionOptions,
  entered: Entered,
): Promise<SecondStep | undefined> {
  const { place: where } = guest.login;
  if (where.kind !== 'server') return undefined;
  const { credential } = guest;
  const place = await link.call('place', { body: { credential, server: referenceText(where.server) } }).catch(() => undefined);
  if (place === undefined) return undefined;
  entered.place = place;
  const { inside } = where;
  if (inside === undefined || inside === place.admin) return undefined;
  return async (ask) => {
    let isAsked = false;
    const askPassword = async (question: string) => {
      if (isAsked) throw fault('wrong-password', 'once for each try');
      isAsked = true;
      return await ask(question);
    };
    const openAgent = async () => await openAgentChannel(connection);
    try {
      entered.client = await openInner({
        link,
        credential,
        place,
        user: inside,
        askPassword,
        openAgent,
        signal: entered.signal,
        onRefused: (what) => ledger.refuse({ ...what, credential }),
      });
      return true;
    } catch (error) {
      if (!isAsked) sendBanner(connection, messageOf(error));
      return false;
    }
  };
}

function addressOf(listener: TcpServer): { readonly port: number } | undefined {
  const address = listener.address();
  return address === null || typeof address === 'string' ? undefined : { port: address.port };
}
