/** How long until somebody can log in: of a new server, and of a stopped one. */
import { type Contest, makeContest } from './contest.ts';
import { alternate, nowMs } from './measure.ts';
import { type Figure, type Row, row } from './report.ts';

const rounds = 7;
const goal = { kind: 'at-most', value: 1.25, of: 'ratio' } as const;
const launchPeer = 'incus launch of the same image, to banner';

export const createFigure: Figure = {
  name: 'create',
  title: 'Create and start, to SSH banner (warm image, default server)',
  async measure() {
    await using contest = await makeContest();
    return [...(await createRows(contest)), await startRow(contest)];
  },
};

async function createRows(contest: Contest): Promise<readonly Row[]> {
  const { client, probe, installation } = contest;
  const prompts: number[] = [];
  const { ours, typed, launched } = await alternate(rounds, {
    async ours(round) {
      const id = round;
      const from = nowMs();
      const banner = probe.wait(contest.addressOf(id));
      const { operations } = await client.call('createServers', { body: { id } });
      const prompt = Promise.all(operations.map((operation) => contest.ended(operation.id))).then(() => nowMs() - from);
      const ms = (await banner) - from;
      if (round > 0) prompts.push(await prompt);
      else await prompt;
      await contest.drop(id);
      return ms;
    },
    async typed(round) {
      const id = 100 + round;
      const from = nowMs();
      const banner = probe.wait(contest.addressOf(id));
      const made = installation.ok('create', String(id));
      const ms = (await banner) - from;
      await made;
      await contest.drop(id);
      return ms;
    },
    async launched(round) {
      const peer = contest.peer(round);
      return await contest.besideControl([peer], async () => {
        const from = nowMs();
        const banner = probe.wait(peer.address);
        await contest.launch(peer);
        return (await banner) - from;
      });
    },
  });
  const against = { unit: 'ms', peer: launchPeer, theirs: launched } as const;
  return [
    row({ what: 'create (POST /servers) to banner', ours, ...against, goal }),
    row({ what: '"myserver create" typed, to banner', ours: typed, ...against }),
    row({ what: 'create (POST /servers) to the end of the operation', ours: prompts, ...against }),
  ];
}

async function startRow(contest: Contest): Promise<Row> {
  const { client, probe } = contest;
  const id = 150;
  const { operations } = await client.call('createServers', { body: { id } });
  for (const operation of operations) await contest.ended(operation.id);
  const peer = contest.peer(150);
  const { ours, started } = await alternate(rounds, {
    async ours() {
      await contest.ended((await client.call('killServer', { params: { id } })).operation.id);
      const from = nowMs();
      const banner = probe.wait(contest.addressOf(id));
      const { operation } = await client.call('startServer', { params: { id } });
      const ms = (await banner) - from;
      await contest.ended(operation.id);
      return ms;
    },
    started: () =>
      contest.besideControl([peer], async () => {
        await contest.launch(peer);
        await probe.wait(peer.address);
        await contest.incus('stop', '--force', peer.name);
        const from = nowMs();
        const banner = probe.wait(peer.address);
        await contest.incus('start', peer.name);
        return (await banner) - from;
      }),
  });
  await contest.drop(id);
  return row({ what: 'start (POST /servers/ID/start) to banner', unit: 'ms', ours, peer: 'incus start, to banner', theirs: started, goal });
}
