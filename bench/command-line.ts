/** What every command pays before it does anything. */
import { fileURLToPath } from 'node:url';
import { runProcess } from '../src/testing/run-process.ts';
import { alternate, timed } from './measure.ts';
import { builtProgram } from './program.ts';
import { type Figure, row } from './report.ts';

const rounds = 15;
const sourcePath = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));

export const commandLineFigure: Figure = {
  name: 'cli',
  title: 'Start of the command line',
  async measure() {
    await using program = await builtProgram();
    const run =
      (...args: readonly string[]) =>
      async () =>
        await timed(async () => await runProcess([process.execPath, '--disable-warning=ExperimentalWarning', ...args]));
    const times = await alternate(rounds, {
      nothing: run('-e', '0'),
      version: run(program.path, '--version'),
      help: run(program.path, '--help'),
      sourceVersion: run(sourcePath, '--version'),
      sourceHelp: run(sourcePath, '--help'),
    });
    const against = { unit: 'ms', peer: 'node -e 0', theirs: times.nothing } as const;
    return [
      row({ what: 'myserver --version (bundle)', ours: times.version, ...against }),
      row({ what: 'myserver --help (bundle)', ours: times.help, ...against }),
      row({ what: 'myserver --version (source)', ours: times.sourceVersion, ...against }),
      row({ what: 'myserver --help (source)', ours: times.sourceHelp, ...against }),
    ];
  },
};
