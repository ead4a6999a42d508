/**
 * What ssh2 believes of the other side and must not, for people's connections and for those to servers alike: root in a server is a stranger, too.
 * - A channel that takes packets of no bytes: its writer would loop for ever; of a few: each byte would become a packet of its own.
 * - More data than the window allows: ssh2 keeps it all.
 * - A window of gigabytes whose owner does not read: all of it would wait in memory. So writers wait for the TCP connection as well.
 * - Requests without end from somebody who does not read the answers: they are not read either, then.
 * - Keys that are changed again and again; or for ever, while ssh2 keeps all that we would send.
 * - Channels and questions without end that it never brings to theirs, and sessions that it closes before they have begun, which ssh2 forgets to forget.
 * Beside these, ssh2 wakes a channel's error side never, or writes its output twice, when both have waited for the window; and who writes after the end is
 * never called back, so that a forward whose two ends close at once would stay for ever.
 * Written for the one version of ssh2 that `mlkem.ts` checks.
 */
import type { EventEmitter } from 'node:events';
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

/** A hundred sessions and 512 forwards, and what comes back from servers. */
const mostChannels = 1024;
/** Global requests of the other side that wait for our answer. They are answered in order: one that a server never answers holds up all behind it. */
const mostUnanswered = 1000;
/** While keys are changed: answers and windows, for channels wait. */
const mostQueuedPackets = 10_000;

type Callback = (error?: Error | null) => void;

interface Writer {
  _write: (data: Buffer, encoding: string | null, callback: Callback) => void;
}

interface SshChannel extends Writer {
  readonly _client: EventEmitter & { readonly _sock: Socket; readonly _protocol: { readonly _kexinit: unknown } };
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
  GLOBAL_REQUEST: (protocol: unknown, name: string, wantsReply: boolean, data: unknown) => void;
  CHANNEL_CLOSE: (protocol: unknown, recipient: number) => void;
  CHANNEL_OPEN: (protocol: unknown, info: ChannelInfo) => void;
  CHANNEL_OPEN_CONFIRMATION: (protocol: unknown, info: ChannelInfo) => void;
  CHANNEL_DATA: (protocol: unknown, recipient: number, data: Buffer) => void;
  CHANNEL_EXTENDED_DATA: (protocol: unknown, recipient: number, data: Buffer, type: number) => void;
  CHANNEL_WINDOW_ADJUST: (protocol: unknown, recipient: number, amount: number) => void;
}

interface Inside {
  readonly _sock: Socket;
  readonly _chanMgr: { readonly _count: number; get(number: number): unknown; remove(number: number): void };
  readonly _protocol: {
    readonly _handlers: Handlers;
    readonly _server: boolean;
    readonly _queue: readonly unknown[] | undefined;
    channelOpenFail(recipient: number, reason: number, description: string): void;
    channelClose(recipient: number): void;
    requestSuccess(data?: Buffer): void;
    requestFailure(): void;
  };
}

/** Whether there is room for one more channel, whoever opens it. */
export function hasRoom(peer: Connection | Client): boolean {
  return (peer as unknown as Inside)._chanMgr._count < mostChannels;
}

/** Requests are never waited for, so those that may be lost are, where so much waits for the other side already. */
export function isClogged(peer: Connection | Client): boolean {
  const { _sock: socket, _protocol: protocol } = peer as unknown as Inside;
  return socket.writableLength > mostUnsentBytes || (protocol._queue?.length ?? 0) > mostUnanswered;
}

/** Once for each connection, before it has any channel; of a client, after `connect`. */
export function limitPeer(peer: Connection | Client): void {
  patchChannels();
  const { _protocol: protocol, _sock: socket, _chanMgr: channels } = peer as unknown as Inside;
  const handlers = protocol._handlers;
  const { CHANNEL_OPEN: open, CHANNEL_OPEN_CONFIRMATION: confirm, CHANNEL_CLOSE: close } = handlers;
  const { CHANNEL_DATA: take, CHANNEL_EXTENDED_DATA: takeErrors } = handlers;
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
    if (!hasRoom(peer)) return protocol.channelOpenFail(info.sender, refusal.shortage, `${mostChannels} channels are open already`);
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
  handlers.CHANNEL_CLOSE = (own, recipient) => {
    const found = channels.get(recipient);
    close(own, recipient);
    if (!isUnbegunSession(found)) return;
    channels.remove(recipient);
    protocol.channelClose(found._chanInfo.outgoing.id);
  };
  limitQuestions(protocol, breach);
  // Not before: a socket that has a listener flows, and ssh2 may not have its own yet.
  peer.once('handshake', () =>
    socket.on('data', () => {
      if ((protocol._queue?.length ?? 0) > mostQueuedPackets) socket.destroy();
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

function limitQuestions(protocol: Inside['_protocol'], breach: (what: string) => void): void {
  const { _handlers: handlers } = protocol;
  if (!protocol._server) {
    // ssh2 would ask for the proof of each host key that a server names, and keep them all until it comes.
    handlers.GLOBAL_REQUEST = (_own, _name, wantsReply) => (wantsReply ? protocol.requestFailure() : undefined);
    return;
  }
  const ask = handlers.GLOBAL_REQUEST;
  let unanswered = 0;
  handlers.GLOBAL_REQUEST = (own, name, wantsReply, data) => {
    if (wantsReply) unanswered += 1;
    if (unanswered > mostUnanswered) breach('it asks on and on before it is answered');
    ask(own, name, wantsReply, data);
  };
  for (const answer of ['requestSuccess', 'requestFailure'] as const) {
    const send = protocol[answer].bind(protocol);
    protocol[answer] = (data?: Buffer) => {
      unanswered -= 1;
      send(data);
    };
  }
}

function isUnbegunSession(found: unknown): found is { readonly _chanInfo: { readonly outgoing: { readonly id: number } } } {
  return typeof found === 'object' && found !== null && '_chanInfo' in found && '_channel' in found && found._channel === undefined;
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
    const again = () => later.call(this, data, encoding, callback);
    if (outgoing.state !== 'open' || client._sock.destroyed) callback();
    else if (client._protocol._kexinit !== undefined) whenOne(client, ['handshake', 'close'], again);
    else if (client._sock.writableLength < mostUnsentBytes) write.call(this, data, encoding, callback);
    else whenEmpty(client._sock, again);
  };
}

/** Or when it is closed: who went away without reading would otherwise be waited for without end, and stay among the live sessions. */
function whenEmpty(socket: Socket, act: () => void): void {
  whenOne(socket, ['drain', 'close'], act);
}

const waiting = new WeakMap<EventEmitter, (() => void)[]>();

/** One listener, however many wait. */
function whenOne(emitter: EventEmitter, names: readonly string[], act: () => void): void {
  const others = waiting.get(emitter);
  if (others !== undefined) return void others.push(act);
  const acts = [act];
  waiting.set(emitter, acts);
  const onOne = () => {
    for (const name of names) emitter.off(name, onOne);
    waiting.delete(emitter);
    for (const one of acts) one();
  };
  for (const name of names) emitter.on(name, onOne);
}
