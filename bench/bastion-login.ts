/** How long until a command has run: the whole of a new connection, sign-in, and the way inwards. */
import { runProgram } from '../src/host/program.ts';
import { type BastionContest, makeBastionContest, quietEnv, type Way } from './bastion-contest.ts';
import { alternate, nowMs } from './measure.ts';
import { type Figure, row } from './report.ts';

const rounds = 15;

export const bastionLoginFigure: Figure = {
  name: 'bastion-login',
  title: 'A new connection, until its command has ended',
  async measure() {
    await using contest = await makeBastionContest(1);
    const times = await alternate(rounds, {
      ours: took(contest, 'ours', 'true'),
      theirs: took(contest, 'theirs', 'true'),
      oursSame: took(contest, 'ours', 'true', 'same'),
      theirsSame: took(contest, 'theirs', 'true', 'same'),
      lobby: took(contest, 'lobby', 'help', 'same'),
      sshd: took(contest, 'sshd', 'true', 'same'),
      direct: took(contest, 'direct', 'true', 'same'),
    });
    const unit = 'ms';
    const goal = { kind: 'at-most', value: 1.3, of: 'ratio' } as const;
    const same = 'true on a server, curve25519 everywhere';
    return [
      row({ what: 'true on a server', unit, ours: times.ours, peer: 'ssh -J sshd', theirs: times.theirs, goal }),
      row({ what: same, unit, ours: times.oursSame, peer: 'ssh -J sshd', theirs: times.theirsSame, goal }),
      row({ what: same, unit, ours: times.oursSame, peer: 'the direct port, no bastion', theirs: times.direct }),
      row({ what: 'help in the lobby, curve25519', unit, ours: times.lobby, peer: 'true on sshd itself', theirs: times.sshd }),
    ];
  },
};

function took({ inClient, ssh }: BastionContest, way: Way, command: string, exchange: 'usual' | 'same' = 'usual') {
  const argv = inClient(...ssh(['-n', way, command], { exchange }));
  return async () => {
    const from = nowMs();
    await runProgram(argv, { env: quietEnv });
    return nowMs() - from;
  };
}
