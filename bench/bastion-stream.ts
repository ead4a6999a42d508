/** Bytes through the bastion: a forward to a server's port with each cipher, several at once, and copies of files. */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { inside } from '../e2e/inside.ts';
import { runProgram } from '../src/host/program.ts';
import { type BastionContest, makeBastionContest, streamPort, workers } from './bastion-contest.ts';
import { alternate, nowMs } from './measure.ts';
import { cpuSecondsOf } from './process-tree.ts';
import { type Figure, type Goal, type Row, row } from './report.ts';
import { fileURLToPath } from 'node:url';

const rounds = 3;
const bytes = 2 ** 30;
/** It is in memory, here and in the server. */
const fileBytes = 128 * 2 ** 20;
const streamPath = fileURLToPath(new URL('stream.pl', import.meta.url));
const ports = { ours: 9000, theirs: 9001, direct: 9002, secondOurs: 9003, secondTheirs: 9004 } as const;
const directions = [
  { deed: 'get', what: 'down' },
  { deed: 'put', what: 'up' },
] as const;
const usualCipher = 'aes128-gcm@openssh.com';
const ciphers: readonly { readonly cipher: string; readonly goal: Goal }[] = [
  { cipher: 'chacha20-poly1305@openssh.com', goal: { kind: 'at-least', value: 0.8, of: 'ratio' } },
  { cipher: 'aes128-ctr', goal: { kind: 'at-least', value: 0.8, of: 'ratio' } },
  { cipher: usualCipher, goal: { kind: 'at-least', value: 0.5, of: 'ratio' } },
];

export const bastionStreamFigure: Figure = {
  name: 'bastion-stream',
  title: `A stream of ${bytes / 2 ** 30} GiB, and copies of a file of ${fileBytes / 2 ** 20} MiB, through the bastion, on one machine with the client and the server`,
  async measure() {
    await using contest = await makeBastionContest(1);
    const rows: Row[] = [];
    for (const one of ciphers) rows.push(...(await cipherRows(contest, one)));
    rows.push(...(await severalRows(contest)), ...(await copyRows(contest)));
    return rows;
  },
};

async function cipherRows(contest: BastionContest, { cipher, goal }: (typeof ciphers)[number]): Promise<readonly Row[]> {
  await using undo = new AsyncDisposableStack();
  const target = `${contest.addressOf(0)}:${streamPort}`;
  undo.use(await contest.forward('lobby', { localPort: ports.ours, target, cipher }));
  undo.use(await contest.forward('sshd', { localPort: ports.theirs, target, cipher }));
  const { gatewayPid, sshd } = contest;
  const rows: Row[] = [];
  for (const { deed, what } of directions) {
    const cpu: Record<'ours' | 'theirs', number[]> = { ours: [], theirs: [] };
    const counted = (whose: 'ours' | 'theirs', pid: number) => async (round: number) => {
      const before = await cpuSecondsOf(pid);
      const value = await streamed(contest, deed, ports[whose]);
      if (round > 0) cpu[whose].push(((await cpuSecondsOf(pid)) - before) * (2 ** 30 / bytes));
      return value;
    };
    const rates = await alternate(rounds, { ours: counted('ours', gatewayPid()), theirs: counted('theirs', sshd.pid) });
    const name = `${cipher.replace('@openssh.com', '')} ${what}`;
    const peer = 'the same through sshd';
    rows.push(
      row({ what: name, unit: 'MB/s', ours: rates.ours, peer, theirs: rates.theirs, goal }),
      row({ what: `${name}, CPU of the bastion a GiB`, unit: 's', ours: cpu.ours, peer, theirs: cpu.theirs }),
    );
  }
  return rows;
}

/** With the cipher that is taken where nobody chooses one. */
async function severalRows(contest: BastionContest): Promise<readonly Row[]> {
  await using undo = new AsyncDisposableStack();
  const cipher = usualCipher;
  const target = `${contest.addressOf(0)}:${streamPort}`;
  // One after the other come to one worker after the other.
  for (const [way, localPort] of [
    ['lobby', ports.ours],
    ['lobby', ports.secondOurs],
    ['sshd', ports.theirs],
    ['sshd', ports.secondTheirs],
  ] as const)
    undo.use(await contest.forward(way, { localPort, target, cipher }));
  undo.use(await contest.forward('direct', { localPort: ports.direct, target: `localhost:${streamPort}`, cipher }));
  const rows: Row[] = [];
  for (const { deed, what } of directions) {
    const rates = await alternate(rounds, {
      one: async () => await streamed(contest, deed, ports.ours),
      direct: async () => await streamed(contest, deed, ports.direct),
      two: async () => await streamed(contest, deed, ports.ours, ports.secondOurs),
      twoTheirs: async () => await streamed(contest, deed, ports.theirs, ports.secondTheirs),
    });
    rows.push(
      row({ what: `one ${what}`, unit: 'MB/s', ours: rates.one, peer: 'the direct port, no bastion', theirs: rates.direct }),
      row({
        what: `two ${what} over ${workers} workers`,
        unit: 'MB/s',
        ours: rates.two,
        peer: 'two through sshd',
        theirs: rates.twoTheirs,
      }),
    );
  }
  return rows;
}

async function streamed({ inClient }: BastionContest, deed: 'get' | 'put', ...local: readonly number[]): Promise<number> {
  return Number(await runProgram([...inClient('perl', streamPath, deed, '127.0.0.1', local.join(','), String(bytes))]));
}

async function copyRows(contest: BastionContest): Promise<readonly Row[]> {
  const dir = await mkdtemp('/dev/shm/myserver-bench-');
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rm(dir, { recursive: true, force: true }));
  const file = join(dir, 'file');
  await runProgram(['truncate', '-s', String(fileBytes), file]);
  await inside(contest.installation, 0, `truncate -s ${fileBytes} /dev/shm/file; chmod 644 /dev/shm/file`);
  const copied = (from: string, to: string) => async () => {
    const began = nowMs();
    await runProgram([...contest.inClient(...contest.ssh(['-q', from, to], { program: 'scp' }))]);
    return fileBytes / 1e6 / ((nowMs() - began) / 1000);
  };
  const up = await alternate(rounds, {
    ours: copied(file, 'ours:/dev/null'),
    theirs: copied(file, 'theirs:/dev/null'),
    direct: copied(file, 'direct:/dev/null'),
  });
  const down = await alternate(rounds, {
    ours: copied('ours:/dev/shm/file', join(dir, 'ours')),
    theirs: copied('theirs:/dev/shm/file', join(dir, 'theirs')),
    direct: copied('direct:/dev/shm/file', join(dir, 'direct')),
  });
  return [
    { what: 'scp up', rates: up },
    { what: 'scp down', rates: down },
  ].flatMap(({ what, rates }) => [
    row({ what, unit: 'MB/s', ours: rates.ours, peer: 'scp -J sshd', theirs: rates.theirs }),
    row({ what, unit: 'MB/s', ours: rates.ours, peer: 'the direct port, no bastion', theirs: rates.direct }),
  ]);
}
