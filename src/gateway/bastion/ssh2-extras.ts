/**
 * What ssh2 can do and does not offer, in one place: a sentence before the sign-in and with a refused channel, and a channel to the agent of a client. It
 * reaches into the library, whose version is pinned exactly, and a test for each tells when it is no longer so.
 */
import type { Socket } from 'node:net';
import type { Channel, Client, Connection, ServerChannel } from 'ssh2';
import protocolParts from 'ssh2/lib/protocol/utils.js';

/** RFC 4253, section 11.1. */
const disconnect = 1;
const byApplication = 11;
/** RFC 4252, section 5.4. */
const userauthBanner = 53;
/** RFC 4254, section 5.1. */
export const refusal = { prohibited: 1, connectFailed: 2, shortage: 4 } as const;
export type Refusal = (typeof refusal)[keyof typeof refusal];
/** What ssh2 itself gives its channels. */
const channelWindow = 2 * 1024 * 1024;
const packetSize = 32 * 1024;
/** For the last sentences on their way to a slow client. */
const goodbyeMs = 2000;

interface PacketWriter {
  readonly allocStart: number;
  alloc(size: number): Buffer;
  finalize(packet: Buffer): Buffer;
}

interface Protocol {
  readonly _packetRW: { readonly write: PacketWriter };
  channelOpenFail: (recipient: number, reason: number, description: string) => void;
  session: (channel: number, window: number, packetSize: number) => void;
  channelWindowAdjust(channel: number, bytes: number): void;
  openssh_authAgent(localChannel: number, window: number, packetSize: number): void;
}

interface Inside {
  readonly _protocol: Protocol;
  readonly _sock: Socket;
  readonly _chanMgr: { add(callback: OpenCallback): number };
}

type OpenCallback = ((error: Error | undefined, channel?: ServerChannel) => void) & { type?: string };

function inside(connection: Connection | Client): Inside {
  return connection as unknown as Inside;
}

/** The TCP connection that an SSH connection runs over. */
export function socketOf(connection: Connection | Client): Socket {
  return inside(connection)._sock;
}

/**
 * Says goodbye, and hangs up on who does not: ssh2 would go on reading what they send, and keep a connection that only we have ended for ever. The library's
 * own goodbye is without a reason, which OpenSSH shows: "Received disconnect from HOST port 22:11: REASON".
 */
export function hangUp(connection: Connection | Client, reason?: string): void {
  const socket = socketOf(connection);
  if (reason === undefined || !socket.writable) connection.end();
  else {
    sendMessage(connection, disconnect, [byApplication], reason);
    socket.end();
  }
  setTimeout(() => socket.destroy(), goodbyeMs).unref();
}

/** The same, of the connection that a channel belongs to. */
export function socketOfChannel(channel: Channel): Socket {
  return (channel as unknown as { readonly _client: Inside })._client._sock;
}

/** Text that the client shows to the person during the sign-in. */
export function sendBanner(connection: Connection, text: string): void {
  sendMessage(connection, userauthBanner, [], `${text}\r\n`);
}

/** A message of a number, numbers of 32 bits, a text, and the empty name of its language (RFC 3066). */
function sendMessage(connection: Connection | Client, kind: number, numbers: readonly number[], text: string): void {
  const protocol = inside(connection)._protocol;
  const { write } = protocol._packetRW;
  const message = Buffer.from(text);
  const packet = write.alloc(1 + 4 * numbers.length + 4 + message.length + 4);
  let at = packet.writeUInt8(kind, write.allocStart);
  for (const number of [...numbers, message.length]) at = packet.writeUInt32BE(number, at);
  at += message.copy(packet, at);
  packet.writeUInt32BE(0, at);
  protocolParts.sendPacket(protocol, write.finalize(packet));
}

/** Calls `reject`, and what the library then says of it carries a sentence: OpenSSH shows "open failed: administratively prohibited: SENTENCE". */
export function refuseChannel(connection: Connection, reject: () => void, reason: Refusal, sentence: string): void {
  const protocol = inside(connection)._protocol;
  // An own property hides the library's method for as long as it is there.
  protocol.channelOpenFail = (recipient) => {
    Reflect.deleteProperty(protocol, 'channelOpenFail');
    protocol.channelOpenFail(recipient, reason, sentence);
  };
  try {
    reject();
  } finally {
    Reflect.deleteProperty(protocol, 'channelOpenFail');
  }
}

/** A channel to the agent on the person's machine, which they forwarded with `-A`. */
export async function openAgentChannel(connection: Connection): Promise<ServerChannel> {
  const { promise, resolve, reject } = Promise.withResolvers<ServerChannel>();
  const callback: OpenCallback = (error, channel) => {
    if (channel === undefined) reject(error ?? new Error('the agent did not answer'));
    else resolve(channel);
  };
  callback.type = 'auth-agent@openssh.com';
  const number = inside(connection)._chanMgr.add(callback);
  if (number === -1) throw new Error('no channel is free for the agent');
  inside(connection)._protocol.openssh_authAgent(number, channelWindow, packetSize);
  return await promise;
}

/** The standard streams of a channel are half-closed by EOF alone: the library's own `end` on a server's channel closes the other half, too. */
export function sendEof(channel: Channel): void {
  (channel as unknown as { eof(): void }).eof();
}

/**
 * Opens a session to which the other side may send no more than so many bytes before it hears that they were taken (`takeFromWindow`). The library's own
 * windows are of 2 MiB, whatever is done with what comes: all of that is waited through before an answer to ^C.
 */
export function openWithWindow(client: Client, bytes: number, open: () => void): void {
  const protocol = inside(client)._protocol;
  protocol.session = (channel, _window, size) => {
    Reflect.deleteProperty(protocol, 'session');
    protocol.session(channel, bytes, size);
  };
  try {
    open();
  } finally {
    Reflect.deleteProperty(protocol, 'session');
  }
}

/** So many bytes of it were taken, and as many more may come. The library, which knows of a window of its own, never comes to give any. */
export function takeFromWindow(channel: Channel, bytes: number): void {
  const {
    incoming,
    outgoing,
    _client: client,
  } = channel as unknown as {
    readonly incoming: { window: number };
    readonly outgoing: { readonly id: number; readonly state: string };
    readonly _client: Inside;
  };
  if (outgoing.state === 'closed') return;
  incoming.window += bytes;
  client._protocol.channelWindowAdjust(outgoing.id, bytes);
}
