/** One command line being carried out: what its commands share beside the context. */
import type { Client } from '../client/client.ts';
import { fault } from '../core/errors.ts';
import { Secret } from '../base/secret.ts';
import type { ConnectOptions, Context, Machine } from './context.ts';
import { exitCodeOf, failureOf, failureText } from './failure.ts';
import { type Column, type Format, fieldsText, jsonText, rowsText, yamlText } from './format.ts';
import { csvText, type Cell } from './csv.ts';

/** Options that every command takes. */
export interface CommonOptions extends ConnectOptions {
  readonly format: Format;
}

export interface RowOptions extends CommonOptions {
  /** `-c id,ssh` */
  readonly columns?: string;
  readonly header?: boolean;
}

export class Invocation {
  readonly context: Context;
  exitCode = 0;
  #client: Client | undefined;

  constructor(context: Context) {
    this.context = context;
  }

  /** One and the same for the whole command line, so that a password is asked for once. */
  client(options: ConnectOptions): Client {
    this.#client ??= this.context.connect(options);
    return this.#client;
  }

  machine(what: string): Machine {
    if (this.context.machine === undefined)
      throw fault('cannot-here', `${what} works only with the program myserver on a machine of one's own`);
    return this.context.machine;
  }

  say(text: string): void {
    this.context.terminal.write(text);
  }

  /** A remark for a person beside the output: not in the way of programs. */
  remark(text: string): void {
    this.context.terminal.writeError(text);
  }

  /** One of several things failed; the others go on. The first failure's exit code stays. */
  fail(error: unknown, options: CommonOptions): void {
    const failure = failureOf(error, 'myserver --help', this.context.signal);
    this.context.terminal.writeError(failureText(failure, options.format === 'json'));
    if (this.exitCode === 0) this.exitCode = exitCodeOf(failure);
  }

  /** Rows in the wanted format. `columns` may offer more than the first `shown` ones, which are there unless `-c` chooses. */
  async rows<Row>(options: RowOptions, columns: readonly Column<Row>[], rows: readonly Row[], shown = columns.length): Promise<void> {
    const chosen = options.columns === undefined ? columns.slice(0, shown) : chooseColumns(columns, options.columns);
    const { columns: width, colour } = this.context.terminal;
    const style = { header: options.header ?? true, colour, columns: width, wereChosen: options.columns !== undefined };
    this.say(await rowsText(options.format, chosen, rows, style));
  }

  /** One thing: `value` for programs, `fields` for people and spreadsheets. */
  async thing(options: CommonOptions, value: unknown, fields: readonly (readonly [string, Cell])[]): Promise<void> {
    if (options.format === 'csv') this.say(csvText([['field', 'value'], ...fields]));
    else await this.result(options, value, fieldsText(fields));
  }

  /** The outcome of a deed: `value` for programs, sentences for people. */
  async result(options: CommonOptions, value: unknown, text: string): Promise<void> {
    if (options.format === 'json') this.say(jsonText(value));
    else if (options.format === 'yaml') this.say(await yamlText(value));
    else this.say(text);
  }

  /** A password, from the person or with `--password-stdin` from the next line of what is piped in. */
  secret(options: ConnectOptions, question: string): Promise<Secret> {
    return secretFrom(this.context.terminal, options, question);
  }

  /** Asks until the person has typed `expected`; anything else is a no. `what` begins the sentence: "dropping server 123". */
  async confirm(options: { readonly yes?: boolean }, what: string, question: string, isAgreed: (answer: string) => boolean): Promise<void> {
    if (options.yes === true) return;
    if (!this.context.terminal.isTerminal) throw fault('bad-request', `${what} asks first, and there is no terminal to ask at: add --yes`);
    if (!isAgreed((await this.context.terminal.ask(question)).trim()))
      throw fault('cancelled', `nothing was done: ${what} was not confirmed`);
  }
}

function chooseColumns<Row>(columns: readonly Column<Row>[], wanted: string): readonly Column<Row>[] {
  return wanted
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '')
    .map((name) => {
      const column = columns.find((one) => one.name === name);
      if (column !== undefined) return column;
      throw fault('bad-request', `there is no column "${name}"; there are ${columns.map((one) => one.name).join(', ')}`);
    });
}

export async function secretFrom(terminal: Context['terminal'], options: ConnectOptions, question: string): Promise<Secret> {
  if (options.passwordStdin === true) {
    const line = await terminal.readLine();
    if (line === undefined || line === '')
      throw fault('bad-request', `--password-stdin was given, but no line is left on standard input for: ${question}`);
    return new Secret(line);
  }
  if (terminal.isTerminal && options.neverAsk !== true) return terminal.askSecret(question);
  throw fault(
    'not-signed-in',
    `a password is needed (${question}) and there is no terminal to ask at: pipe it in with --password-stdin, or sign in once with "myserver login"`,
  );
}
