/** What WebSockets that say nothing cost the proxy, as editors and notebooks leave them open. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { memoryOf } from './process-tree.ts';
import { type Figure, row } from './report.ts';
import { type Contender, makeWebRoom } from './web-room.ts';

const count = 5000;
const settleMs = 5000;

export const webSocketsFigure: Figure = {
  name: 'web-sockets',
  title: `Memory of ${count} idle WebSockets through the edge (growth of PSS, kB each)`,
  async measure() {
    const [chp, nginx] = [await growthOf('chp'), await growthOf('nginx')];
    const [haproxy, embedded] = [await growthOf('haproxy'), await growthOf('embedded')];
    const against = { unit: 'kB', peer: 'configurable-http-proxy', theirs: chp } as const;
    return [
      row({ what: 'HAProxy', ours: haproxy, ...against }),
      row({ what: 'the embedded edge', ours: embedded, ...against }),
      row({ what: 'HAProxy', unit: 'kB', ours: haproxy, peer: 'nginx', theirs: nginx }),
    ];
  },
};

/** In a room of its own: what the last one closed still has its ports for a minute. */
async function growthOf(name: 'chp' | 'nginx' | 'haproxy' | 'embedded'): Promise<readonly number[]> {
  await using room = await makeWebRoom('hall');
  return [await growth(room[name])];
}

async function growth({ pid, url, name }: Contender): Promise<number> {
  const before = await memoryOf(pid);
  const { hostname, port, pathname } = new URL(url('1k'));
  const sockets: Socket[] = [];
  while (sockets.length < count)
    sockets.push(...(await Promise.all(Array.from({ length: 100 }, async () => await open(hostname, Number(port), pathname)))));
  await sleep(settleMs);
  const after = await memoryOf(pid);
  const kept = sockets.filter((socket) => !socket.destroyed).length;
  for (const socket of sockets) socket.destroy();
  await sleep(settleMs);
  console.error(`${name}: ${before.megabytes.toFixed(1)} to ${after.megabytes.toFixed(1)} MB with ${kept} open`);
  if (kept !== count) throw new Error(`${name} keeps ${kept} of ${count} WebSockets`);
  return ((after.megabytes - before.megabytes) * 1024) / count;
}

async function open(host: string, port: number, path: string): Promise<Socket> {
  const socket = connect(port, host);
  socket.on('error', () => socket.destroy());
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
  );
  const [head] = (await Promise.race([once(socket, 'data'), once(socket, 'close').then(() => [''])])) as [Buffer | string];
  if (!String(head).startsWith('HTTP/1.1 101 ')) throw new Error(`no WebSocket: ${String(head).slice(0, 100)}`);
  return socket;
}
