/** How long what was asked of control takes to be so on the web: a new server's page, and a port that is closed and opened. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeBastionRoom } from '../e2e/bastion-room.ts';
import { type Client, makeClient } from '../src/client/client.ts';
import { parseServerId } from '../src/core/ids.ts';
import { makeNodeFetch } from '../src/transport/node-fetch.ts';
import { nowMs } from './measure.ts';
import { type Figure, row } from './report.ts';
import type { WebAnswer, WebOrder } from './web-probe.ts';

const rounds = 7;
const goal = { kind: 'at-most', value: 100, of: 'value' } as const;
const probePath = fileURLToPath(new URL('web-probe.ts', import.meta.url));

export const webCreateFigure: Figure = {
  name: 'web-create',
  title: 'From the answer of control until it is so on the web (HAProxy)',
  async measure() {
    await using room = await makeBastionRoom({
      images: ['web'],
      isInside: true,
      config: { web: { edge: 'haproxy', port: 80, httpsPort: 443 } },
    });
    const { installation } = room;
    await installation.ok('user', 'add', 'bench', '--role', 'administrator');
    const client = makeClient({
      baseUrl: 'http://localhost',
      fetch: makeNodeFetch({ socketPath: join(installation.runDir, 'root.sock') }),
    });
    await using probe = startWebProbe(installation.engine.enterClient);
    await using direct = startWebProbe(installation.engine.enter);
    const page = (id: number) => `http://${room.host}/www/${id}/`;
    const [created, closed, opened, servers]: readonly number[][] = [[], [], [], []];
    for (let id = 1; id <= rounds; id += 1) {
      const from = nowMs();
      const isThere = probe.wait(page(id), 200);
      const hasBegun = direct.wait(`http://${installation.plan.addressOf(parseServerId(id))}/`, 200);
      const { operations } = await client.call('createServers', { body: { id, type: 'web' } });
      for (const operation of operations) await ended(client, operation.id);
      const answered = nowMs();
      created?.push(Math.max(0, (await isThere) - Math.max(answered, await hasBegun)));
      servers?.push(answered - from);
      for (const [policy, status, times] of [
        ['off', 403, closed],
        ['public', 200, opened],
      ] as const) {
        const isSo = probe.wait(page(id), status);
        await client.call('changeServer', { params: { id }, body: { ports: { www: policy } } });
        const changed = nowMs();
        times?.push(Math.max(0, (await isSo) - changed));
      }
    }
    const against = { unit: 'ms', peer: 'create itself', theirs: servers ?? [], goal } as const;
    return [
      row({ what: 'created and answering, until its page is there', ours: created ?? [], ...against }),
      row({ what: 'port made off, until it is', ours: closed ?? [], ...against }),
      row({ what: 'port made public, until it is', ours: opened ?? [], ...against }),
    ];
  },
};

async function ended(client: Client, id: string): Promise<void> {
  for (;;) {
    const { operation } = await client.call('getOperation', { params: { id }, query: { waitSeconds: 60 } });
    if (operation.state === 'done') return;
    if (operation.state !== 'running' && operation.state !== 'pending') throw new Error(`${operation.kind} ended as ${operation.state}`);
  }
}

interface WebProbe extends AsyncDisposable {
  /** Resolves with the time (`nowMs`) at which a page first had that status. */
  wait(url: string, status: number): Promise<number>;
}

function startWebProbe(enter: readonly string[]): WebProbe {
  const [program, ...args] = [...enter, process.execPath, probePath];
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  return {
    async wait(url, status) {
      const answered = once(child, 'message') as Promise<[WebAnswer]>;
      child.send({ url, status } satisfies WebOrder);
      const [{ atMs }] = await answered;
      if (atMs === undefined) throw new Error(`${url} never answered ${status}`);
      return atMs;
    },
    async [Symbol.asyncDispose]() {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}
