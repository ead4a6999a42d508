/** What people who do nothing cost: signed in, each with one forward open, as an editor or a browser leaves it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type BastionContest, hallPort, makeBastionContest, user } from './bastion-contest.ts';
import { startCrowd } from './crowd.ts';
import { memoryOf } from './process-tree.ts';
import { type Figure, row } from './report.ts';

const sessions = 1000;
/** Until what a sign-in alone needs has been given back. */
const settleMs = 20_000;

export const bastionMemoryFigure: Figure = {
  name: 'bastion-memory',
  title: `Memory of ${sessions} idle people with one forward each (PSS)`,
  async measure() {
    await using contest = await makeBastionContest(1);
    const ours = await memoryFor(contest, contest.gatewayPid(), 22);
    const theirs = await memoryFor(contest, contest.sshd.pid, contest.sshd.port);
    const goal = { kind: 'at-most', value: 0.25, of: 'ratio' } as const;
    const peer = `sshd, ${theirs.processes} processes`;
    return [
      row({ what: 'growth', unit: 'MB', ours: [ours.full - ours.empty], peer, theirs: [theirs.full - theirs.empty], goal }),
      row({ what: 'in all', unit: 'MB', ours: [ours.full], peer, theirs: [theirs.full], goal }),
      row({ what: 'with nobody', unit: 'MB', ours: [ours.empty], peer: 'sshd', theirs: [theirs.empty] }),
      row({ what: 'after they left', unit: 'MB', ours: [ours.after], peer: 'sshd', theirs: [theirs.after] }),
    ];
  },
};

async function memoryFor(contest: BastionContest, pid: number, port: number) {
  await using crowd = startCrowd(contest);
  const empty = await memoryOf(pid);
  await crowd.arrive('idle', {
    count: sessions,
    host: contest.room.host,
    port,
    keyPath: contest.keyPath,
    users: [user],
    what: { kind: 'forward', address: contest.addressOf(0), port: hallPort },
  });
  await sleep(settleMs);
  const full = await memoryOf(pid);
  await crowd.leave('idle');
  await sleep(settleMs);
  const after = await memoryOf(pid);
  console.error(`port ${port}: ${empty.megabytes.toFixed(0)}, ${full.megabytes.toFixed(0)}, ${after.megabytes.toFixed(0)} MB`);
  return { empty: empty.megabytes, full: full.megabytes, after: after.megabytes, processes: full.processes };
}
