/** A class gets its servers: how long until all of them can be logged in to. */
import { makeContest } from './contest.ts';
import { alternate, nowMs } from './measure.ts';
import { type Figure, row } from './report.ts';

const rounds = 3;
const count = 24;
/** As many as our own creation unpacks at once. */
const atOnce = 4;
const goal = { kind: 'at-most', value: 1.1, of: 'ratio' } as const;

export const classFigure: Figure = {
  name: 'class',
  title: `A class of ${count} servers, until all greet`,
  async measure() {
    await using contest = await makeContest();
    const { client, probe } = contest;
    const numbers = Array.from({ length: count }, (_, index) => index + 1);
    const { ours, launched } = await alternate(
      rounds,
      {
        async ours(round) {
          const ids = numbers.map((number) => number + (round % 2) * 100);
          const from = nowMs();
          const banners = probe.wait(...ids.map((id) => contest.addressOf(id)));
          const { operations } = await client.call('createServers', { body: { id: ids[0] ?? 1, count } });
          const seconds = ((await banners) - from) / 1000;
          for (const operation of operations) await contest.ended(operation.id);
          await contest.drop(...ids);
          return seconds;
        },
        async launched(round) {
          const peers = numbers.map((number) => contest.peer(number + (round % 2) * 100));
          return await contest.besideControl(peers, async () => {
            const from = nowMs();
            const banners = probe.wait(...peers.map(({ address }) => address));
            const waiting = [...peers];
            const worker = async () => {
              for (let peer = waiting.shift(); peer !== undefined; peer = waiting.shift()) await contest.launch(peer);
            };
            await Promise.all(Array.from({ length: atOnce }, worker));
            return ((await banners) - from) / 1000;
          });
        },
      },
      true,
    );
    const peer = `incus launch, ${atOnce} at a time`;
    return [row({ what: `POST /servers, count ${count}`, unit: 's', ours, peer, theirs: launched, goal })];
  },
};
