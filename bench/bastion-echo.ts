/** How long a key that is typed takes to be seen while many others' programs write: through ours, and through sshd. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BastionContest, makeBastionContest, quietEnv, streamProgram, user } from './bastion-contest.ts';
import { type Crowd, startCrowd } from './crowd.ts';
import { alternate, nowMs, quantile } from './measure.ts';
import { type Figure, row } from './report.ts';

const rounds = 5;
const busy = 100;
const servers = 4;
const keys = 300;
/** Between two keys: somebody who leans on one. */
const keyMs = 25;

export const bastionEchoFigure: Figure = {
  name: 'bastion-echo',
  title: `A key's echo while ${busy} people's programs write 5 kB/s each`,
  async measure() {
    await using contest = await makeBastionContest(servers);
    await using crowd = startCrowd(contest);
    await crowdsArrive(contest, crowd);
    const half: Record<'ours' | 'theirs', number[]> = { ours: [], theirs: [] };
    const typed = (way: 'ours' | 'theirs') => async (round: number) => {
      await crowd.turn(way);
      await using typist = await startTypist(contest, way);
      const times: number[] = [];
      for (let key = 0; key < keys; key += 1) {
        times.push(await typist.echo());
        await sleep(keyMs);
      }
      await crowd.turn(way);
      if (round > 0) half[way].push(quantile(times, 0.5));
      return quantile(times, 0.99);
    };
    const { ours, theirs } = await alternate(rounds, { ours: typed('ours'), theirs: typed('theirs') });
    const peer = 'ssh -J sshd, as many busy through it';
    return [
      row({ what: 'echo, p99', unit: 'ms', ours, peer, theirs, goal: { kind: 'at-most', value: 2, of: 'ratio' } }),
      row({ what: 'echo, p50', unit: 'ms', ours: half.ours, peer, theirs: half.theirs }),
    ];
  },
};

async function crowdsArrive({ room, sshd, keyPath, addressOf }: BastionContest, crowd: Crowd): Promise<void> {
  const ids = Array.from({ length: servers }, (_, id) => id);
  const command = `stty raw -echo; exec perl ${streamProgram} busy`;
  const common = { count: busy, host: room.host, keyPath };
  await crowd.arrive('ours', { ...common, port: 22, users: ids.map(String), what: { kind: 'program', command } });
  const what = { kind: 'program-behind', addresses: ids.map(addressOf), user, command } as const;
  await crowd.arrive('theirs', { ...common, port: sshd.port, users: [user], what });
}

interface Typist extends AsyncDisposable {
  /** Milliseconds until the key was seen. */
  echo(): Promise<number>;
}

async function startTypist({ inClient, ssh }: BastionContest, way: 'ours' | 'theirs'): Promise<Typist> {
  const [program = '', ...args] = inClient(...ssh(['-tt', way, 'stty raw -echo; exec cat']));
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], env: quietEnv });
  const echo = async () => {
    const from = nowMs();
    const seen = once(child.stdout, 'data');
    child.stdin.write('x');
    await seen;
    return nowMs() - from;
  };
  // What is typed before the terminal is raw is echoed by it, too, and once more by cat.
  await echo();
  await sleep(1000);
  child.stdout.resume();
  await sleep(100);
  return {
    echo,
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}
