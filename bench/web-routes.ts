/** What a thousand servers cost each request: the same load with ten of them and with a thousand. */
import { alternate } from './measure.ts';
import { type Figure, row } from './report.ts';
import { load } from './web-load.ts';
import { type Contender, makeWebRoom, type WebRoom } from './web-room.ts';

const rounds = 5;
const [few, many] = [10, 1000];
const goal = { kind: 'at-least', value: 0.97, of: 'ratio' } as const;

export const webRoutesFigure: Figure = {
  name: 'web-routes',
  title: `Requests through the edge with ${many} routes`,
  async measure() {
    await using room = await makeWebRoom();
    const rowOf = async (one: Contender) => {
      const { ours, theirs } = await alternate(rounds, { ours: by(room, one, many), theirs: by(room, one, few) });
      return row({ what: one.name, unit: '/s', ours, peer: `${few} routes`, theirs, goal });
    };
    return [await rowOf(room.haproxy), await rowOf(room.embedded)];
  },
};

function by(room: WebRoom, one: Contender, count: number): () => Promise<number> {
  return async () => {
    await room.tell(Array.from({ length: count }, (_none, id) => room.route(id)));
    return (await load(one, '1k')).perSecond;
  };
}
