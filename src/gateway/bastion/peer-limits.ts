/**
 * What ssh2 believes of the other side and must not, for people's connections and for those to servers alike: root in a server is a stranger, too.
 * - A channel that takes packets of no bytes: its writer would loop for ever; of a few: each byte would become a packet of its own.
 * - More data than the window allows: ssh2 keeps it all.
 * - A window of gigabytes whose owner does not read: all of it would wait in memory. So writers wait for the TCP connection as well.
 * - Requests without end from somebody who does not read the answers: they are not read either, then.
 * - Keys that are changed again and again.
 * Beside these, ssh2 wakes a channel's error side never, or writes its output twice, when both have waited for the window; and who writes after the end is
 * never called back, so that a forward whose two ends close at once would stay for ever.
 * Written for the one version of ssh2 that `mlkem.ts` checks.
 */
import type { Socket } from 'node:net';
import type { Client, Connection } from 'ssh2';
import channelParts from 'ssh2/lib/Channel.js';
import { refusal } from './ssh2-extras.ts';

/** Everything in use takes 16 KiB at least. */
const leastPacketBytes = 512;
/** Beyond it a channel's writer waits until the socket is empty. The kernel holds some more, so that a fast reader never waits for us. */
const mostUnsentBytes = 2 ** 20;
/** Above it, what is unsent is answers: nothing more is read until they have gone. */
const mostUnansweredBytes = 4 * 2 ** 20;

/** Each costs milliseconds of the worker. Who changes keys at every 16 MiB comes to it at 60 MB/s. */
const mostExchangesInMinute = 240;

type Callback = (error?: Error | null) => void;

interface Writer {
  _write: (data: Buffer, encoding: string | null, callback: Callback) => void;
}

interface SshChannel extends Writer {
  readonly _client: { readonly _sock: Socket };
  readonly incoming: { readonly window: number };
  readonly outgoing: { window: number; readonly state: string };
  readonly stderr: Writer & { readonly _channel: SshChannel };
  _waitWindow: boolean;
  _chunk: Buffer | undefined;
  _chunkcb: Callback | undefined;
  _chunkErr: Buffer | undefined;
  _chunkcbErr: Callback | undefined;
}

interface ChannelInfo {
  readonly sender: number;
  readonly packetSize: number;
}

interface Handlers {
  CHANNEL_OPEN: (protocol: unknown, info: ChannelInfo) => void;
  CHANNEL_OPEN_CONFIRMATION: (protocol: unknown, info: ChannelInfo) => void;
  CHANNEL_DATA: (protocol: unknown, recipient: number, data: Buffer) => void;
  CHANNEL_EXTENDED_DATA: (protocol: unknown, recipient: number, data: Buffer, type: number) => void;
  CHANNEL_WINDOW_ADJUST: (protocol: unknown, recipient: number, amount: number) => void;
}

interface Inside {
  readonly _sock: Socket;
  readonly _chanMgr: { get(number: number): unknown };
  readonly _protocol: { readonly _handlers: Handlers; channelOpenFail(recipient: number, reason: number, description: string): void };
}

/** Once for each connection, before it has any channel; of a client, after `connect`. */
export function limitPeer(peer: Connection | Client): void {
  patchChannels();
  const { _protocol: protocol, _sock: socket, _chanMgr: channels } = peer as unknown as Inside;
  const handlers = protocol._handlers;
  const { CHANNEL_OPEN: open, CHANNEL_OPEN_CONFIRMATION: confirm, CHANNEL_DATA: take, CHANNEL_EXTENDED_DATA: takeErrors } = handlers;
  const channelAt = (number: number) => channelOf(channels.get(number));
  // What is thrown here ends the parsing of what came with it.
  const breach = (what: string) => {
    socket.destroy();
    throw new Error(`the other side breaks the protocol: ${what}`);
  };
  const requireWindow = (recipient: number, { length }: Buffer) => {
    const channel = channelAt(recipient);
    if (channel !== undefined && length > channel.incoming.window) breach('it sends more than the window allows');
  };

  handlers.CHANNEL_OPEN = (own, info) => {
    if (info.packetSize >= leastPacketBytes) return open(own, info);
    protocol.channelOpenFail(info.sender, refusal.prohibited, `packets of ${info.packetSize} bytes are too small`);
  };
  handlers.CHANNEL_OPEN_CONFIRMATION = (own, info) => {
    if (info.packetSize < leastPacketBytes) breach(`it takes packets of ${info.packetSize} bytes`);
    confirm(own, info);
  };
  handlers.CHANNEL_DATA = (own, recipient, data) => {
    requireWindow(recipient, data);
    take(own, recipient, data);
  };
  handlers.CHANNEL_EXTENDED_DATA = (own, recipient, data, type) => {
    requireWindow(recipient, data);
    takeErrors(own, recipient, data, type);
  };
  handlers.CHANNEL_WINDOW_ADJUST = (_own, recipient, amount) => {
    const channel = channelAt(recipient);
    if (channel === undefined) return;
    channel.outgoing.window += amount;
    channel._waitWindow = false;
    resume(channel);
  };
  // Not before: a socket that has a listener flows, and ssh2 may not have its own yet.
  peer.once('handshake', () =>
    socket.on('data', () => {
      if (socket.writableLength <= mostUnansweredBytes || socket.isPaused()) return;
      socket.pause();
      whenEmpty(socket, () => socket.resume());
    }),
  );
  let [since, exchanges] = [performance.now(), 0];
  peer.on('handshake', () => {
    if (performance.now() - since > 60_000) [since, exchanges] = [performance.now(), 0];
    exchanges += 1;
    if (exchanges > mostExchangesInMinute) socket.destroy();
  });
}

/** ssh2 has functions and `true` in the places of channels that are not open yet, and sessions around channels of a server. */
function channelOf(found: unknown): SshChannel | undefined {
  if (typeof found !== 'object' || found === null) return undefined;
  const channel = '_channel' in found && !('outgoing' in found) ? found._channel : found;
  return typeof channel === 'object' && channel !== null && 'outgoing' in channel ? (channel as SshChannel) : undefined;
}

/** Both sides of a channel wait for one window. */
function resume(channel: SshChannel): void {
  const { _chunk: output, _chunkcb: outputDone, _chunkErr: errors, _chunkcbErr: errorsDone } = channel;
  channel._chunk = channel._chunkcb = channel._chunkErr = channel._chunkcbErr = undefined;
  if (output !== undefined && outputDone !== undefined) channel._write(output, null, outputDone);
  if (errors !== undefined && errorsDone !== undefined) channel.stderr._write(errors, null, errorsDone);
}

let isPatched = false;

function patchChannels(): void {
  if (isPatched) return;
  isPatched = true;
  const info = { type: 'session', incoming: {}, outgoing: {} };
  const { stderr } = new channelParts.Channel(undefined, info, { server: true }) as unknown as SshChannel;
  patchWriter(channelParts.Channel.prototype as unknown as Writer, (writer) => writer as SshChannel);
  patchWriter(Object.getPrototypeOf(stderr) as Writer, (writer) => (writer as SshChannel['stderr'])._channel);
}

function patchWriter(prototype: Writer, channelOfWriter: (writer: Writer) => SshChannel): void {
  const write = prototype._write;
  prototype._write = function later(this: Writer, data, encoding, callback) {
    const { outgoing, _client: client } = channelOfWriter(this);
    if (outgoing.state !== 'open' || client._sock.destroyed) callback();
    else if (client._sock.writableLength < mostUnsentBytes) write.call(this, data, encoding, callback);
    else whenEmpty(client._sock, () => later.call(this, data, encoding, callback));
  };
}

const waiting = new WeakMap<Socket, (() => void)[]>();

/** Or when it is closed: who went away without reading would otherwise be waited for without end, and stay among the live sessions. */
function whenEmpty(socket: Socket, act: () => void): void {
  const others = waiting.get(socket);
  if (others !== undefined) return void others.push(act);
  const acts = [act];
  waiting.set(socket, acts);
  const onEmpty = () => {
    socket.off('drain', onEmpty).off('close', onEmpty);
    waiting.delete(socket);
    for (const one of acts) one();
  };
  socket.on('drain', onEmpty).on('close', onEmpty);
}
