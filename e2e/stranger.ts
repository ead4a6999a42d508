/**
 * A program: somebody who never signs in, run on the machine outside. `node stranger.ts DEED HOST COUNT SEED [SECONDS]`; prints one line of JSON.
 * `banners`: what is no SSH; `half-open`: connections that say nothing; `flips`: an honest handshake with damaged bytes; `names`: user names of all kinds;
 * `replays`: exchanges of keys that cost the server alone.
 */
import { createConnection, createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import ssh2 from 'ssh2';

const port = 22;

interface Task {
  readonly host: string;
  readonly count: number;
  readonly random: () => number;
  readonly seconds: number;
}

const hello = Buffer.from('SSH-2.0-x\r\n');
const length = (bytes: number) => Buffer.from([bytes >>> 24, (bytes >>> 16) & 255, (bytes >>> 8) & 255, bytes & 255]);

const banners: Readonly<Record<string, Buffer>> = {
  http: Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
  tls: Buffer.from('16030100a5010000a10303', 'hex'),
  zeros: Buffer.alloc(100_000),
  binary: Buffer.from(Array.from({ length: 4096 }, (_none, each) => (each * 7919) & 255)),
  'old version': Buffer.from('SSH-1.5-x\r\n'),
  'endless name': Buffer.concat([Buffer.from('SSH-2.0-'), Buffer.alloc(300_000, 'a')]),
  'endless lines': Buffer.from('not yet\r\n'.repeat(50_000)),
  'no line end': Buffer.alloc(2 ** 20, 'x'),
  'a packet of 4 GB': Buffer.concat([hello, length(0xff_ff_ff_ff), Buffer.alloc(1000)]),
  'a packet of 40 kB': Buffer.concat([hello, length(40_000), Buffer.alloc(40_000)]),
  'a packet of nothing': Buffer.concat([hello, length(0), Buffer.alloc(1000)]),
  'padding longer than the packet': Buffer.concat([hello, length(12), Buffer.alloc(12, 255)]),
  'a truncated packet': Buffer.concat([hello, length(1000), Buffer.from([4, 20])]),
};

const deeds: Readonly<Record<string, (task: Task) => Promise<object>>> = {
  async banners({ host, seconds }) {
    const told = await Promise.all(
      Object.entries(banners).map(async ([name, bytes]) => [name, await untilClosed(host, bytes, seconds)] as const),
    );
    return Object.fromEntries(told);
  },
  async 'half-open'({ host, count, seconds }) {
    const open = new Set<Socket>();
    let mostOpen = 0;
    for (let each = 0; each < count; each += 1) {
      const socket = createConnection({ host, port });
      open.add(socket);
      socket.on('error', () => {});
      socket.on('data', () => {});
      socket.once('close', () => open.delete(socket));
      if (each % 250 === 249) await sleep(100);
      mostOpen = Math.max(mostOpen, open.size);
    }
    await sleep(seconds * 1000);
    return { leftOpen: open.size, mostOpen };
  },
  async flips({ host, count, random }) {
    const honest = await recordedHandshake(host);
    let answered = 0;
    for (let each = 0; each < count; each += 100) {
      const all = Array.from({ length: 100 }, async () => {
        const bytes = Buffer.from(honest);
        const flips = 1 + Math.floor(random() * 8);
        for (let flip = 0; flip < flips; flip += 1) {
          const at = Math.floor(random() * bytes.length);
          bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
        }
        const cut = random() < 0.2 ? bytes.subarray(0, Math.floor(random() * bytes.length)) : bytes;
        const garbage = random() < 0.3 ? Buffer.from(Array.from({ length: 500 }, () => Math.floor(random() * 256))) : Buffer.alloc(0);
        if ((await untilClosed(host, Buffer.concat([cut, garbage]), 0.4)) !== 'silent') answered += 1;
      });
      await Promise.all(all);
    }
    return { handshake: honest.length, answered };
  },
  /** The dearest exchange of keys for the server, and none for who replays one: fifty at once, for so many seconds. */
  async replays({ host, seconds }) {
    const honest = await recordedHandshake(host, 'diffie-hellman-group16-sha512');
    const end = Date.now() + seconds * 1000;
    let exchanges = 0;
    const one = async () => {
      while (Date.now() < end) if ((await untilAnswered(host, honest)) > 1000) exchanges += 1;
    };
    await Promise.all(Array.from({ length: 50 }, one));
    return { exchangesInSecond: Math.round(exchanges / seconds) };
  },
  async names({ host }) {
    const names = [
      'x'.repeat(30_000),
      'a\u0000b',
      '\u001B[2Jada',
      'ada\r\nada',
      '../../etc',
      '٣',
      '',
      '+',
      '@',
      '+@',
      'a+b+c',
      'root@@1',
      `${'a@'.repeat(5000)}1`,
      '1'.repeat(400),
      '\u202Eada',
      'server-99999999999',
    ];
    const told: Record<string, string> = {};
    for (const [index, username] of names.entries()) {
      const client = new ssh2.Client();
      const { promise, resolve } = Promise.withResolvers<string>();
      client.once('ready', () => resolve('let in'));
      client.once('error', (error) => resolve(error.message));
      client.connect({ host, username, password: 'x', readyTimeout: 10_000 });
      told[index] = (await promise).slice(0, 60);
      client.destroy();
    }
    return told;
  },
};

/** `ms` until the other side closed; `silent` or `answers` when it did not within that time. */
async function untilClosed(host: string, bytes: Buffer, seconds: number): Promise<string> {
  const socket = createConnection({ host, port });
  const begun = Date.now();
  let answer = 0;
  socket.on('error', () => {});
  socket.on('data', (data) => (answer += data.length));
  const closed = Promise.withResolvers<string>();
  socket.once('close', () => closed.resolve(`closed after ${((Date.now() - begun) / 1000).toFixed(1)} s`));
  socket.write(bytes);
  const told = await Promise.race([closed.promise, sleep(seconds * 1000, answer > 0 ? 'answers' : 'silent')]);
  socket.destroy();
  return told;
}

/** The bytes that came within two seconds: its names and its reply to the exchange of keys are more than a thousand. */
async function untilAnswered(host: string, bytes: Buffer): Promise<number> {
  const socket = createConnection({ host, port });
  let answer = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on('error', () => {});
  socket.on('data', (data) => {
    answer += data.length;
    if (answer > 1000) resolve();
  });
  socket.once('close', () => resolve());
  socket.write(bytes);
  await Promise.race([promise, sleep(2000)]);
  socket.destroy();
  return answer;
}

/** What OpenSSH's kind of client sends before it is encrypted, through a tap of our own. */
async function recordedHandshake(host: string, kex?: ssh2.KexAlgorithm): Promise<Buffer> {
  const parts: Buffer[] = [];
  const tap = createServer((near) => {
    const far = createConnection({ host, port });
    for (const one of [near, far]) one.on('error', () => {});
    near.on('data', (data) => parts.push(data));
    near.pipe(far).pipe(near);
  });
  tap.listen(0, '127.0.0.1');
  await once(tap, 'listening');
  const client = new ssh2.Client();
  client.on('error', () => {});
  const near = { host: '127.0.0.1', port: (tap.address() as { readonly port: number }).port };
  client.connect({ ...near, username: 'nobody', password: 'x', ...(kex === undefined ? {} : { algorithms: { kex: [kex] } }) });
  await once(client, 'handshake');
  await sleep(200);
  client.destroy();
  tap.close();
  return Buffer.concat(parts);
}

function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const [deed = '', host = '', count = '0', seed = '1', seconds = '15'] = process.argv.slice(2);
const told = await deeds[deed]?.({ host, count: Number(count), random: mulberry32(Number(seed)), seconds: Number(seconds) });
process.stdout.write(`${JSON.stringify(told)}\n`);
process.exit(0);
