/** What a full host asks of control: the list of a thousand servers, and the memory that they take. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { makeNodeFetch } from '../src/transport/node-fetch.ts';
import { alternate, nowMs, quantile } from './measure.ts';
import { builtProgram } from './program.ts';
import { type Figure, row } from './report.ts';

const rounds = 10;
const asksARound = 40;
const servers = 1000;
/** As `packaging/myserver` starts control. */
const asInstalled = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=8'];
const controlPath = fileURLToPath(new URL('thousand-control.ts', import.meta.url));
const barePath = fileURLToPath(new URL('bare-server.ts', import.meta.url));

interface Answering extends AsyncDisposable {
  ask(): Promise<string>;
  residentMB(): Promise<number>;
}

export const thousandFigure: Figure = {
  name: 'thousand',
  title: `Control with ${servers} servers (real store and API, engine faked)`,
  async measure() {
    await using undo = new AsyncDisposableStack();
    const controlProgram = undo.use(await builtProgram(controlPath));
    const bareProgram = undo.use(await builtProgram(barePath));
    const control = undo.use(await answering([controlProgram.path, String(servers)], asInstalled));
    const list = await wholeList(control);
    const dir = await mkdtemp(join(tmpdir(), 'myserver-bench-'));
    undo.defer(() => rm(dir, { recursive: true, force: true }));
    const bare = undo.use(await answering([bareProgram.path, join(dir, 'bare.sock'), String(Buffer.byteLength(list))]));

    const slow: Record<'control' | 'bare', number[]> = { control: [], bare: [] };
    const asked = (name: 'control' | 'bare', whom: Answering) => async (round: number) => {
      const times = [];
      for (let ask = 0; ask < asksARound; ask += 1) {
        const from = nowMs();
        await whom.ask();
        times.push(nowMs() - from);
      }
      if (round > 0) slow[name].push(quantile(times, 0.95));
      return quantile(times, 0.5);
    };
    const p50 = await alternate(rounds, { control: asked('control', control), bare: asked('bare', bare) });
    const against = { unit: 'ms', peer: `Node's bare HTTP server, the same ${list.length} bytes` } as const;
    const goal = { kind: 'at-most', value: 50, of: 'value' } as const;
    return [
      row({ what: `GET /servers of ${servers}, p50`, ours: p50.control, theirs: p50.bare, ...against, goal }),
      row({ what: `GET /servers of ${servers}, p95`, ours: slow.control, theirs: slow.bare, ...against, goal }),
      row({
        what: 'resident memory after that',
        unit: 'MB',
        ours: [await control.residentMB()],
        peer: "Node's bare HTTP server",
        theirs: [await bare.residentMB()],
        goal: { kind: 'at-most', value: 150, of: 'value' },
      }),
    ];
  },
};

/** The list once every server in it is seen to run. */
async function wholeList(control: Answering): Promise<string> {
  for (;;) {
    const text = await control.ask();
    const list = (JSON.parse(text) as { readonly servers: readonly { readonly status: string }[] }).servers;
    if (list.length === servers && list.every(({ status }) => status === 'running')) return text;
  }
}

async function answering(args: readonly string[], flags: readonly string[] = []): Promise<Answering> {
  const child = spawn(process.execPath, [...flags, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await Promise.race([once(createInterface(child.stdout), 'line'), once(child, 'exit').then(() => ['{}'])])) as [string];
  const { socketPath } = JSON.parse(line) as { readonly socketPath?: string };
  if (socketPath === undefined) throw new Error(`${args.join(' ')} ended before it answered`);
  const fetch = makeNodeFetch({ socketPath });
  return {
    async ask() {
      const response = await fetch('http://localhost/api/v1/servers', { method: 'GET', headers: {} });
      return await response.text();
    },
    async residentMB() {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
      return Number(/^VmRSS:\s+(\d+) kB$/mu.exec(status)?.[1]) / 1024;
    },
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.stdin.end();
      await ended;
    },
  };
}
