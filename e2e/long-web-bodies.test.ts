/** Bodies of 10 GiB go through both edges both ways, and take no memory there. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { suite, test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { WebState } from '../src/core/web-route.ts';
import { makeBackend, routeTo, stateOf } from '../src/network/edge-room.testing.ts';
import { lacksHaproxy, makeHaproxyRoom } from './haproxy-room.ts';

const isLong = process.env['MYSERVER_TEST_LONG'] === '1';
const skip = isLong ? false : 'takes minutes: set MYSERVER_TEST_LONG=1';
const timeout = 300_000;
const size = 10 * 2 ** 30;
/** What it may grow by meanwhile, a fiftieth of that: buffers of one connection, and those that Node's collector has not looked at yet. */
const mostGrowth = size / 50;
const embeddedPath = fileURLToPath(new URL('embedded-edge.ts', import.meta.url));

interface Proxy {
  readonly port: number;
  readonly pid: number;
}

suite('bodies of 10 GiB', { skip }, () => {
  test('through HAProxy', { skip: lacksHaproxy, timeout }, async (t) => {
    await using room = await makeHaproxyRoom();
    await throughBothWays(t, async (state) => {
      await room.edge.set(state);
      return { port: room.port, pid: Number((await readFile(room.files.pid, 'utf8')).trim()) };
    });
  });

  test('through the gateway’s own edge', { timeout }, async (t) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', embeddedPath], { stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      await throughBothWays(t, (state) => told(child, state));
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });
});

async function told({ pid = 0, stdin, stdout }: ChildProcess, state: WebState): Promise<Proxy> {
  assert.ok(stdin !== null && stdout !== null);
  const port = Number(String(((await once(stdout, 'data')) as [Buffer])[0]));
  stdin.write(`${JSON.stringify(state)}\n`);
  await once(stdout, 'data');
  return { port, pid };
}

async function throughBothWays(t: TestContext, tell: (state: WebState) => Promise<Proxy>): Promise<void> {
  await using seven = await makeBackend(7, (asking, response) => {
    if (asking.url === '/down') {
      response.setHeader('content-length', size);
      pipeline(zeros(), response).catch(() => {});
    } else if (asking.url === '/up') void count(asking).then((bytes) => response.end(String(bytes)));
    else return false;
    return true;
  });
  const { port, pid } = await tell(stateOf(routeTo(7, seven, { repair: 'off' })));
  const before = await residentBytes(pid);
  let most = before;
  const watching = setInterval(() => void residentBytes(pid).then((now) => (most = Math.max(most, now))), 100);
  try {
    const down = request({ host: '127.0.0.1', port, path: '/www/7/down', agent: false }).end();
    const [answer] = (await once(down, 'response')) as [IncomingMessage];
    assert.equal(await count(answer), size);
    const up = request({ host: '127.0.0.1', port, path: '/www/7/up', method: 'PUT', agent: false, headers: { 'content-length': size } });
    const answered = once(up, 'response') as Promise<[IncomingMessage]>;
    await pipeline(zeros(), up);
    assert.equal(Number(await text((await answered)[0])), size);
  } finally {
    clearInterval(watching);
  }
  t.diagnostic(`${Math.round(before / 2 ** 20)} MiB before, at most ${Math.round(most / 2 ** 20)} MiB`);
  assert.ok(most - before < mostGrowth, `it grew by ${Math.round((most - before) / 2 ** 20)} MiB`);
}

function zeros(): Readable {
  const piece = Buffer.alloc(256 * 1024);
  let left = size;
  return new Readable({
    highWaterMark: piece.length,
    read() {
      if (left === 0) return void this.push(null);
      left -= piece.length;
      this.push(piece);
    },
  });
}

async function count(stream: Readable): Promise<number> {
  let bytes = 0;
  for await (const piece of stream as AsyncIterable<Buffer>) bytes += piece.length;
  return bytes;
}

/** proc(5). */
async function residentBytes(pid: number): Promise<number> {
  return Number(/^VmRSS:\s+(\d+) kB$/mu.exec(await readFile(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) * 1024;
}
