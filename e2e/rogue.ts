/**
 * A program: an SSH client that means harm, run on the machine outside. It signs in as a person may and then breaks rules that no honest client breaks.
 * `node rogue.ts DEED HOST USER KEYFILE COUNT`; ends by itself within a minute.
 */
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import ssh2 from 'ssh2';

interface Protocol {
  session(channel: number, window: number, packetSize: number): void;
  exec(channel: number, command: string, wantsReply: boolean): void;
  env(channel: number, name: string, value: string, wantsReply: boolean): void;
  pty(
    channel: number,
    rows: number,
    columns: number,
    height: number,
    width: number,
    term: string,
    modes: object,
    wantsReply: boolean,
  ): void;
  windowChange(channel: number, rows: number, columns: number, height: number, width: number): void;
  directTcpip(channel: number, window: number, packetSize: number, to: object): void;
  channelData(channel: number, data: Buffer): void;
  tcpipForward(address: string, port: number, wantsReply: boolean): void;
  rekey(): void;
  ping(): void;
}

interface Rogue {
  readonly protocol: Protocol;
  readonly socket: Socket;
  readonly count: number;
  readonly isGone: () => boolean;
}

const most = 0xff_ff_ff_ff;
const usual = 32_768;
/** The server's own number of the first channel of a connection, as ssh2 counts. */
const first = 0;
const longest = 50_000;

const deeds: Readonly<Record<string, (rogue: Rogue) => Promise<void>>> = {
  /** Root in the server has 1 MB for a channel that takes packets of no bytes. */
  async 'no-packets'({ protocol }) {
    protocol.session(7, most, 0);
    await sleep(500);
    protocol.exec(first, 'head -c 1000000 /dev/zero', true);
    await sleep(1500);
  },
  async 'tiny-packets'({ protocol }) {
    protocol.session(7, most, 1);
    await sleep(500);
    protocol.exec(first, 'head -c 50000000 /dev/zero', true);
    await sleep(3000);
  },
  /** Sends megabytes to a program that does not read them. */
  async 'no-window'({ protocol, count, socket, isGone }) {
    protocol.session(7, most, usual);
    await sleep(500);
    protocol.exec(first, 'sleep 45', true);
    await sleep(1500);
    // No divisor of the window: ssh2 stops at a window of nothing, but not at one below.
    const part = Buffer.alloc(30_000);
    for (let each = 0; each < count * 32 && !isGone(); each += 1) {
      protocol.channelData(first, part);
      if (socket.writableLength > 2 ** 20) await Promise.race([once(socket, 'drain').catch(() => {}), sleep(2000)]);
    }
    await sleep(500);
  },
  /** Allows gigabytes and reads none. */
  async 'no-reading'({ protocol, socket, count }) {
    protocol.session(7, most, usual);
    await sleep(500);
    protocol.exec(first, `head -c ${count}000000 /dev/zero`, true);
    await sleep(200);
    socket.pause();
    await sleep(8000);
  },
  async 'no-reading-errors'({ protocol, socket, count }) {
    protocol.session(7, most, usual);
    await sleep(500);
    protocol.exec(first, `head -c ${count}000000 /dev/zero >&2`, true);
    await sleep(200);
    socket.pause();
    await sleep(8000);
  },
  async sessions({ protocol, count }) {
    for (let each = 0; each < count; each += 1) protocol.session(each, most, usual);
    await sleep(2000);
    for (let each = 0; each < count; each += 1) protocol.exec(each, 'sleep 20', true);
    await sleep(6000);
  },
  async forwards({ protocol, count }) {
    const to = (each: number) => ({ dstIP: each % 2 === 0 ? '0' : '169.254.169.254', dstPort: 22, srcIP: '127.0.0.1', srcPort: 1 });
    for (let each = 0; each < count; each += 1) protocol.directTcpip(each, most, usual, to(each));
    await sleep(8000);
  },
  async listeners({ protocol, count }) {
    for (let each = 0; each < count; each += 1) protocol.tcpipForward('127.0.0.1', 0, true);
    await sleep(6000);
  },
  /** Requests whose answers nobody takes. */
  async 'unread-answers'({ protocol, socket, count, isGone }) {
    socket.pause();
    const end = Date.now() + 6000;
    for (let each = 0; each < count && !isGone() && Date.now() < end; each += 1) {
      protocol.ping();
      if (each % 1000 === 0)
        await (socket.writableLength > 2 ** 20 ? Promise.race([once(socket, 'drain').catch(() => {}), sleep(500)]) : sleep(1));
    }
  },
  async keys({ protocol, count, isGone }) {
    for (let each = 0; each < count && !isGone(); each += 1) {
      protocol.rekey();
      await sleep(15);
    }
  },
  async 'odd-requests'({ protocol, count, isGone }) {
    protocol.session(7, most, usual);
    await sleep(300);
    for (let each = 0; each < count && !isGone(); each += 1) {
      protocol.pty(first, most, most, most, most, 'x'.repeat(each % 9000), {}, true);
      protocol.env(first, `LC_${'A'.repeat(each % 20)}`, 'v'.repeat(1024), true);
      protocol.env(first, '\n\0LD_PRELOAD', '\0', true);
      protocol.windowChange(first, each, most, 0, most);
      if (each % 500 === 0) await sleep(20);
    }
    protocol.exec(first, 'true', true);
    await sleep(1000);
  },
  async 'huge-command'({ protocol }) {
    protocol.session(7, most, usual);
    await sleep(300);
    protocol.exec(first, `: ${'x'.repeat(2 ** 20)}`, true);
    await sleep(1000);
  },
  /** Begins a program and is gone before it has begun. */
  async 'hit-and-run'({ protocol, socket, count }) {
    protocol.session(7, most, usual);
    await sleep(300);
    protocol.exec(first, 'exec -a left-behind sleep 300', true);
    await sleep(count);
    socket.end();
    await sleep(50);
    socket.destroy();
  },
};

/** Signs with a key that nobody knows, without asking first whether it would do. */
async function signUnasked(host: string, username: string, keyPath: string, count: number): Promise<void> {
  const client = new ssh2.Client();
  const key = ssh2.utils.parseKey(readFileSync(keyPath));
  if (key instanceof Error) throw key;
  let asked = 0;
  const authHandler = (_left: unknown, _partial: unknown, next: (method: object | false) => void) => {
    const { _protocol: protocol } = client as unknown as { readonly _protocol: Authenticating };
    protocol.authNone = () => protocol.authPK(username, key, (data, done) => done(key.sign(data) as Buffer));
    asked += 1;
    next(asked > count ? false : { type: 'none', username });
  };
  client.on('error', () => {});
  client.connect({ host, username, authHandler: authHandler as never, readyTimeout: 20_000 });
  await once(client, 'close');
  process.stdout.write(`answered ${asked}\n`);
}

interface Authenticating {
  authNone: (user: string) => void;
  authPK(user: string, key: object, sign: (data: Buffer, done: (signature: Buffer) => void) => void): void;
}

async function main([deed = '', host = '', user = '', keyPath = '', count = '0']: readonly string[]): Promise<void> {
  if (deed === 'strange-signatures') return await signUnasked(host, user, keyPath, Number(count));
  const client = new ssh2.Client();
  let isGone = false;
  client.on('error', (error) => process.stdout.write(`error: ${error.message}\n`));
  client.once('close', () => (isGone = true));
  client.connect({ host, username: user, privateKey: readFileSync(keyPath), readyTimeout: 20_000 });
  await once(client, 'ready');
  setTimeout(() => process.exit(0), longest).unref();
  const { _protocol: protocol, _sock: socket } = client as unknown as { readonly _protocol: Protocol; readonly _sock: Socket };
  await deeds[deed]?.({ protocol, socket, count: Number(count), isGone: () => isGone });
  process.stdout.write(isGone ? 'was sent away\n' : 'is still there\n');
  process.exit(0);
}

await main(process.argv.slice(2));
