/**
 * One command line from words to exit code. Only the file of the command that was typed is loaded, so that the program starts quickly. Neither this nor
 * commander touches the process: the words, the terminal and the end come from and go to the context.
 */
import { Command, CommanderError } from 'commander';
import { fault } from '../core/errors.ts';
import { shorten } from '../core/ids.ts';
import type { Context } from './context.ts';
import { exitCodeOf, failureOf, failureText } from './failure.ts';
import { addCommonOptions, type Register } from './grammar.ts';
import { Invocation } from './invocation.ts';
import { suggestionFor } from './suggestion.ts';
import { usageFor } from './usage.ts';

interface CommandEntry {
  readonly names: readonly string[];
  readonly load: () => Promise<Register>;
}

/** Every command with its aliases, in the order of the usage. */
export const commandEntries: readonly CommandEntry[] = [
  { names: ['create', 'new', 'launch'], load: async () => (await import('./create.ts')).registerCreate },
  { names: ['list', 'ls', 'ps'], load: async () => (await import('./list.ts')).registerList },
  { names: ['info', 'show'], load: async () => (await import('./info.ts')).registerInfo },
  { names: ['start'], load: async () => (await import('./start.ts')).registerStart },
  { names: ['stop'], load: async () => (await import('./stop.ts')).registerStop },
  { names: ['restart'], load: async () => (await import('./restart.ts')).registerRestart },
  { names: ['kill'], load: async () => (await import('./kill.ts')).registerKill },
  { names: ['set'], load: async () => (await import('./set.ts')).registerSet },
  { names: ['drop', 'rm', 'delete', 'destroy'], load: async () => (await import('./drop.ts')).registerDrop },
  { names: ['ssh', 'shell'], load: async () => (await import('./ssh.ts')).registerSsh },
  { names: ['ssh-config'], load: async () => (await import('./ssh-config.ts')).registerSshConfig },
  { names: ['known-hosts'], load: async () => (await import('./known-hosts.ts')).registerKnownHosts },
  { names: ['password', 'passwd'], load: async () => (await import('./password.ts')).registerPassword },
  { names: ['key', 'keys'], load: async () => (await import('./key.ts')).registerKey },
  { names: ['share', 'grant'], load: async () => (await import('./share.ts')).registerShare },
  { names: ['domain', 'domains'], load: async () => (await import('./domain.ts')).registerDomain },
  { names: ['group', 'groups'], load: async () => (await import('./group.ts')).registerGroup },
  { names: ['user', 'users'], load: async () => (await import('./user.ts')).registerUser },
  { names: ['login'], load: async () => (await import('./login.ts')).registerLogin },
  { names: ['logout'], load: async () => (await import('./logout.ts')).registerLogout },
  { names: ['token', 'tokens'], load: async () => (await import('./token.ts')).registerToken },
  { names: ['sessions', 'session'], load: async () => (await import('./sessions.ts')).registerSessions },
  { names: ['recording', 'recordings'], load: async () => (await import('./recording.ts')).registerRecording },
  { names: ['image', 'images'], load: async () => (await import('./image.ts')).registerImage },
  { names: ['plan'], load: async () => (await import('./plan.ts')).registerPlan },
  { names: ['operation', 'operations'], load: async () => (await import('./operation.ts')).registerOperation },
  { names: ['doctor'], load: async () => (await import('./doctor.ts')).registerDoctor },
  { names: ['audit'], load: async () => (await import('./audit.ts')).registerAudit },
  { names: ['backup'], load: async () => (await import('./backup.ts')).registerBackup },
  { names: ['completion'], load: async () => (await import('./completion.ts')).registerCompletion },
];

/** Carries out `argv` (without the program's name). Never throws; the exit codes are those of `core/errors.ts`. */
export async function runCommand(argv: readonly string[], context: Context): Promise<number> {
  const invocation = new Invocation(context);
  const word = commandWord(argv);
  const entry = commandEntries.find(({ names }) => names.includes(word ?? ''));
  let help = 'myserver --help';
  try {
    if (entry === undefined) await runWithoutCommand(argv, word, invocation);
    else {
      const program = makeProgram(invocation);
      (await entry.load())(program, invocation);
      if (program.commands.length === 0)
        throw fault('cannot-here', `"${entry.names[0] ?? ''}" works only with the program myserver on a machine of one's own`);
      help = `${meantCommand(program, argv)} --help`;
      await program.parseAsync([...argv], { from: 'user' });
    }
  } catch (error) {
    // Help that was asked for ends the parse with an error, too.
    if (error instanceof CommanderError && error.code.startsWith('commander.help')) return invocation.exitCode;
    const failure = failureOf(error, help, context.signal);
    context.terminal.writeError(failureText(failure, saysJson(argv)));
    return exitCodeOf(failure);
  }
  return invocation.exitCode;
}

async function runWithoutCommand(argv: readonly string[], word: string | undefined, invocation: Invocation): Promise<void> {
  if (word === 'complete') {
    const { complete } = await import('./complete.ts');
    await complete(argv.slice(argv.indexOf('complete') + 1), invocation);
  } else if (word === 'help') {
    const words = argv.slice(argv.indexOf('help') + 1);
    if (words.length === 0) invocation.say(usageFor(invocation.context));
    else invocation.exitCode = await runCommand([...words, '--help'], invocation.context);
  } else if (word !== undefined) {
    const meant = suggestionFor(
      word,
      commandEntries.flatMap(({ names }) => names),
    );
    const hint = meant === undefined ? 'see "myserver --help" for those there are' : `did you mean "myserver ${meant}"?`;
    throw fault('bad-request', `there is no command "${shorten(word)}"; ${hint}`);
  } else if (argv.includes('--version') || argv.includes('-V')) invocation.say(`myserver ${invocation.context.version}\n`);
  else if (argv.every((one) => one === '--help' || one === '-h')) invocation.say(usageFor(invocation.context));
  else throw fault('bad-request', `no command was given after "${shorten(argv.join(' '))}"; see "myserver --help"`);
}

/** The whole grammar is `makeProgram` with every entry's `Register` applied. */
export function makeProgram(invocation: Invocation): Command {
  const { terminal } = invocation.context;
  const program = new Command('myserver')
    .exitOverride()
    .helpCommand(false)
    .helpOption('-h, --help', 'show this help')
    .enablePositionalOptions()
    .configureHelp({ sortSubcommands: false, showGlobalOptions: false })
    .configureOutput({
      writeOut: (text) => terminal.write(text),
      // Help is what is asked for when a command of commands is typed alone; errors go through `failureText`.
      writeErr: (text) => terminal.write(text),
      outputError: () => {},
      getOutHelpWidth: () => Math.min(terminal.columns ?? 110, 110),
      getErrHelpWidth: () => Math.min(terminal.columns ?? 110, 110),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  addCommonOptions(program, invocation, true);
  return program;
}

const optionsWithValue = new Set(['-f', '--format', '--url', '--user', '--ca']);

/** The first word that is neither an option of the program nor such an option's value. */
function commandWord(argv: readonly string[]): string | undefined {
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? '';
    if (optionsWithValue.has(word)) at += 1;
    else if (!word.startsWith('-')) return word;
  }
  return undefined;
}

/** `myserver share add`, for its help: the words of `argv` that lead down to a command, as it is called first. */
function meantCommand(program: Command, argv: readonly string[]): string {
  let path = program.name();
  let command = program;
  for (const word of argv) {
    const below = command.commands.find((one) => one.name() === word || one.aliases().includes(word));
    if (below === undefined) continue;
    command = below;
    path += ` ${below.name()}`;
  }
  return path;
}

/** For errors of a command line that could not be parsed. */
function saysJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  const words = end === -1 ? argv : argv.slice(0, end);
  return words.some(
    (word, at) => /^(?:-f=?json|--format=json)$/u.test(word) || ((word === '-f' || word === '--format') && words[at + 1] === 'json'),
  );
}
