/** How a command is declared: name, summary, examples, and the options that all of them share. */
import { type Command, Option } from 'commander';
import type { CommonOptions, Invocation } from './invocation.ts';
import { type Column, formats } from './format.ts';

/** Registers one command with its subcommands below the program. */
export type Register = (program: Command, invocation: Invocation) => void;

export interface Leaf {
  /** `create [id]` */
  readonly usage: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  /** What a person types, and after ` # ` what it does. */
  readonly examples: readonly string[];
  /** What else is worth knowing: defaults, limits. */
  readonly more?: string;
  /** Carried out where no word of the command of commands is given. */
  readonly isDefault?: true;
}

type Argument = string | undefined | readonly string[];

/** What a command does. Arguments come as written: `[id]` as text or undefined, `<ids...>` as a list. */
export type Deed<Options> = (args: readonly Argument[], options: Options & CommonOptions) => Promise<void>;

/** A command that does something; add options to it, then `perform`. */
export function leaf(parent: Command, invocation: Invocation, { usage, aliases, summary, examples, more, isDefault }: Leaf): Command {
  const command = parent.command(usage, isDefault === undefined ? {} : { isDefault }).description(summary);
  if (aliases !== undefined) command.aliases(aliases);
  command.helpOption('-h, --help', 'show this help');
  const notes = more === undefined ? '' : `\n${more}\n`;
  command.addHelpText('after', `${notes}\nExamples:\n${examples.map((example) => `  ${example}`).join('\n')}`);
  addCommonOptions(command, invocation);
  return command;
}

/** A command of commands: `key`. */
export function branch(parent: Command, invocation: Invocation, name: string, summary: string): Command {
  const command = parent.command(name).description(summary).helpOption('-h, --help', 'show this help').helpCommand(false);
  addCommonOptions(command, invocation, true);
  return command;
}

export function perform<Options>(command: Command, deed: Deed<Options>): void {
  command.action(() => {
    const given = command.optsWithGlobals<Options & CommonOptions>();
    return deed(command.processedArgs as readonly Argument[], Object.assign({ format: 'table' }, given));
  });
}

/** Also, hidden, on the program and on commands of commands, so that `myserver --url X list` and `myserver list --url X` are the same. */
export function addCommonOptions(command: Command, invocation: Invocation, isHidden = false): void {
  command.addOption(new Option('-f, --format <format>', 'how to print (default: table)').choices(formats).hideHelp(isHidden));
  const passwords = new Option('--password-stdin', 'read passwords from standard input, a line each');
  if (invocation.context.machine === undefined) {
    command.addOption(passwords.hideHelp(true));
    return;
  }
  for (const option of [
    new Option('--url <url>', 'the address of myserver (MYSERVER_URL)'),
    new Option('--user <name>', 'the name to sign in with (MYSERVER_USER; default: your name on this machine)'),
    passwords,
    new Option('--ca <file>', "trust this certificate authority (PEM) beside the system's"),
    new Option('--insecure-http', 'allow a password over plain HTTP across a network: anybody on the way can read it'),
  ])
    command.addOption(option.helpGroup('Connection:').hideHelp(isHidden));
}

export function addColumnOptions<Row>(command: Command, columns: readonly Column<Row>[]): Command {
  const names = columns.map(({ name }) => name);
  return command
    .option('-c, --columns <names>', `which columns, such as ${names.slice(0, 2).join(',')}; there are ${names.join(', ')}`)
    .option('--no-header', 'leave the first line out');
}

export function addYes(command: Command): Command {
  return command.option('-y, --yes', 'do not ask');
}

/** An argument that the grammar makes a list. */
export function listed(argument: Argument): readonly string[] {
  if (argument === undefined) return [];
  return typeof argument === 'string' ? [argument] : argument;
}

/** An argument that the grammar makes required. */
export function required(argument: Argument): string {
  return typeof argument === 'string' ? argument : listed(argument).join(' ');
}

export function optional(argument: Argument): string | undefined {
  return typeof argument === 'string' ? argument : undefined;
}
