/** A verb on several servers at once: ask control for each, follow what it began, tell the outcome of each. */
import type { Command } from 'commander';
import { Fault } from '../base/fault.ts';
import type { Client } from '../client/client.ts';
import type { OperationView } from '../contract/schemas.ts';
import type { ServerId } from '../core/ids.ts';
import { type Outcome, follow, tellFailures } from './follow.ts';
import type { Invocation, CommonOptions } from './invocation.ts';
import { csvText } from './csv.ts';
import { visible } from './plain-text.ts';

export interface DeedOptions extends CommonOptions {
  readonly wait?: boolean;
}

export function addWait(command: Command): Command {
  return command.option('--wait', 'wait for the end (default)').option('--no-wait', 'do not wait for the end');
}

export interface Verb {
  /** `is running`: the end of the sentence that begins with "server 123". */
  readonly outcome: string;
  readonly begin: (client: Client, id: ServerId) => Promise<OperationView>;
}

/** With these, asking for the next server would fail the same way (and count as one more try of a password). */
const hopeless: ReadonlySet<string> = new Set(['not-signed-in', 'wrong-password', 'too-many-tries', 'control-unreachable']);

export async function doToEach(invocation: Invocation, options: DeedOptions, ids: readonly ServerId[], verb: Verb): Promise<void> {
  const client = invocation.client(options);
  const begun: OperationView[] = [];
  for (const id of ids) {
    try {
      begun.push(await verb.begin(client, id));
    } catch (error) {
      invocation.fail(error, options);
      if (invocation.context.signal.aborted || (error instanceof Fault && hopeless.has(error.code))) break;
    }
  }
  await tell(invocation, options, client, begun, verb.outcome);
}

/** Follows what has begun (unless `--no-wait`) and prints the outcomes. */
export async function tell(
  invocation: Invocation,
  options: DeedOptions,
  client: Client,
  begun: readonly OperationView[],
  outcome: string,
): Promise<void> {
  if (begun.length === 0) return;
  const outcomes: readonly Outcome[] =
    options.wait === false ? begun.map((operation) => ({ kind: 'done', operation })) : await follow(invocation, client, begun);
  tellFailures(invocation, options, outcomes);
  const operations = outcomes.map(({ operation }) => operation);
  if (options.format === 'csv') {
    invocation.say(
      csvText([['id', 'operation', 'kind', 'state'], ...operations.map(({ serverId, id, kind, state }) => [serverId, id, kind, state])]),
    );
    return;
  }
  const lines = outcomes.flatMap((one) => {
    if (one.kind !== 'done') return [];
    const { subject, kind, id } = one.operation;
    return options.wait === false
      ? [`${visible(subject)}: ${kind} has begun; look with "myserver operation show ${id}"\n`]
      : [`${visible(subject)} ${outcome}\n`];
  });
  await invocation.result(options, operations, lines.join(''));
}
