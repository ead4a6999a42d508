/** One large file through each proxy, by curl. */
import { runProgram } from '../src/host/program.ts';
import { alternate } from './measure.ts';
import { type Figure, row } from './report.ts';
import { type Contender, loadCore, makeWebRoom } from './web-room.ts';

const rounds = 5;
const megabytes = 2 ** 30 / 1e6;
const goal = { kind: 'at-least', value: 0.9, of: 'ratio' } as const;

export const webDownloadFigure: Figure = {
  name: 'web-download',
  title: 'A download of 1 GiB through the edge',
  async measure() {
    await using room = await makeWebRoom();
    const by = (one: Contender) => async () => megabytes / (await seconds(one));
    const { nginx, haproxy, embedded, chp } = await alternate(rounds, {
      nginx: by(room.nginx),
      haproxy: by(room.haproxy),
      embedded: by(room.embedded),
      chp: by(room.chp),
    });
    return [
      row({ what: 'HAProxy', unit: 'MB/s', ours: haproxy, peer: 'nginx', theirs: nginx, goal }),
      row({ what: 'the embedded edge', unit: 'MB/s', ours: embedded, peer: 'configurable-http-proxy', theirs: chp }),
    ];
  },
};

async function seconds({ url, headers }: Contender): Promise<number> {
  const words = ['-sS', '-o', '/dev/null', '-w', '%{time_total}', ...headers.flatMap((header) => ['-H', header]), url('1g')];
  return Number(await runProgram(['taskset', '-c', loadCore, 'curl', ...words], { timeoutMs: 120_000 }));
}
