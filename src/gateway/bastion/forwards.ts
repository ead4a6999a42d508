/** Forwards outward from a person's machine: -L, -J, -W and -D are all one kind of channel, `direct-tcpip` (RFC 4254, section 7.2). */
import type { Client, ClientChannel, ServerChannel, TcpipRequestInfo } from 'ssh2';
import { messageOf } from '../../base/fault.ts';
import { fault, toFault } from '../../core/errors.ts';
import { isLoopbackName } from '../../core/destination.ts';
import { ipv4Network, ipv4Number } from '../../core/ipv4.ts';
import type { Place } from '../../contract/internal.ts';
import { permits } from './authentication.ts';
import { connectTo, relay, relayChannels } from './relay.ts';
import { type Refusal, refusal, refuseChannel } from './ssh2-extras.ts';
import type { Visit } from './visit.ts';

/** A browser behind -D opens a few dozen; what opens thousands means harm or is broken. */
const mostAtOnce = 512;

export function serveForwards(visit: Visit): void {
  const { connection } = visit;
  let count = 0;
  const refuse = (reject: () => void, why: Refusal, sentence: string) => {
    visit.refusals.note({ kind: 'forward', detail: sentence });
    refuseChannel(connection, reject, why, sentence);
  };
  const guarded = (reject: () => void, work: () => Promise<void>) => {
    if (!permits(visit.guest, 'permit-port-forwarding'))
      return refuse(reject, refusal.prohibited, 'the certificate does not permit forwards');
    if (count >= mostAtOnce) return refuse(reject, refusal.shortage, `${mostAtOnce} forwards are open on this connection already`);
    count += 1;
    void work().finally(() => (count -= 1));
  };
  connection.on('tcpip', (accept, reject, info) => guarded(reject, async () => await forward(visit, accept, reject, info)));
  connection.on('openssh.streamlocal', (accept, reject, { socketPath }) =>
    guarded(reject, async () => await forwardToSocket(visit, accept as () => ServerChannel, reject, socketPath)),
  );
}

async function forward(visit: Visit, accept: () => ServerChannel, reject: () => void, info: TcpipRequestInfo): Promise<void> {
  const { connection, guest, options } = visit;
  const { destIP: host, destPort: port } = info;
  try {
    if (guest.login.place.kind === 'server' && isLoopbackName(host)) return await throughServer(visit, accept, info);
    const found = await options.link.call('destination', { body: { credential: guest.credential, host, port } });
    const place = found.kind === 'server' ? found.place : undefined;
    const address = found.kind === 'server' ? found.place.address : found.address;
    if (place !== undefined) requireInside(address, options);
    await toAddress(visit, { accept, reject, address, port: found.port, place });
  } catch (error) {
    const { code, message } = toFault(error);
    if (code === 'internal') options.log.warn({ error: messageOf(error) }, 'a forward failed by a fault of ours');
    refuseChannel(connection, reject, code === 'wrong-state' ? refusal.connectFailed : refusal.prohibited, message);
  }
}

interface ToAddress {
  readonly accept: () => ServerChannel;
  readonly reject: () => void;
  readonly address: string;
  readonly port: number;
  readonly place: Place | undefined;
}

async function toAddress(visit: Visit, { accept, reject, address, port, place }: ToAddress): Promise<void> {
  const what = place === undefined ? `${address}:${port}` : `port ${port} of server ${place.id}`;
  let socket;
  try {
    socket = await connectTo(address, port, visit.signal);
  } catch (error) {
    return refuseChannel(visit.connection, reject, refusal.connectFailed, `${what} does not answer (${messageOf(error)})`);
  }
  const channel = accept();
  channel.on('error', () => {});
  socket.on('error', () => {});
  const listed = place === undefined ? { address, port } : undefined;
  const line = visit.begin({ kind: 'forward', server: place, listed, detail: what }, () => socket.destroy());
  const leave = () => socket.destroy();
  visit.signal.addEventListener('abort', leave, { once: true });
  await relay(channel, socket, line);
  visit.signal.removeEventListener('abort', leave);
  line.end('closed');
}

/** `localhost` of a session on a server is that server's own: its sshd connects, by its own rules. */
async function throughServer(
  visit: Visit,
  accept: () => ServerChannel,
  { destIP, destPort, srcIP, srcPort }: TcpipRequestInfo,
): Promise<void> {
  await viaInner(visit, accept, `localhost:${destPort}`, (client, done) => client.forwardOut(srcIP, srcPort, destIP, destPort, done));
}

async function forwardToSocket(visit: Visit, accept: () => ServerChannel, reject: () => void, socketPath: string): Promise<void> {
  try {
    await viaInner(visit, accept, socketPath, (client, done) => client.openssh_forwardOutStreamLocal(socketPath, done));
  } catch (error) {
    refuseChannel(visit.connection, reject, refusal.prohibited, toFault(error).message);
  }
}

type Open = (client: Client, done: (error: Error | undefined, channel: ClientChannel) => void) => void;

async function viaInner(visit: Visit, accept: () => ServerChannel, what: string, open: Open): Promise<void> {
  const { place: where } = visit.guest.login;
  if (where.kind !== 'server') {
    const sentence = `${what} is on this gateway itself, which nobody reaches through it: name a server`;
    visit.refusals.note({ kind: 'forward', detail: sentence });
    throw fault('not-allowed', sentence);
  }
  const place = await visit.placeOf(where.server);
  using lease = await visit.pool.lease(place, where.inside ?? place.admin, undefined);
  const { promise, resolve, reject } = Promise.withResolvers<ClientChannel>();
  open(lease.client, (error, channel) => (error ? reject(error) : resolve(channel)));
  const inner = await promise.catch((error: unknown) => {
    throw fault('wrong-state', `${what} on server ${place.id} does not answer: ${messageOf(error)}`);
  });
  const outer = accept();
  outer.on('error', () => {});
  const cut = () => {
    // Theirs as well: the server need not answer, and would go on sending.
    for (const channel of [inner, outer]) channel.close();
  };
  const line = visit.begin({ kind: 'forward', server: place, detail: `${what} on server ${place.id}` }, cut);
  await relayChannels(outer, inner, line);
  line.end('closed');
}

/** Control has decided; should it ever be wrong, nothing but servers' addresses is connected to from here. */
function requireInside(address: string, { network, hostAddress }: Visit['options']): void {
  const range = ipv4Network(network);
  const value = ipv4Number(address);
  if (range === undefined || value === undefined || value <= range.first || value >= range.last || address === hostAddress)
    throw fault('not-allowed', `${address} is no server's address`);
}
