import type { Command } from 'commander';
import type { OperationView } from '../contract/schemas.ts';
import { parseCount } from './arguments.ts';
import { follow, tellFailures } from './follow.ts';
import type { Column } from './format.ts';
import { addColumnOptions, branch, leaf, perform, type Register, required } from './grammar.ts';
import type { CommonOptions, Invocation, RowOptions } from './invocation.ts';

const columns: readonly Column<OperationView>[] = [
  { name: 'id', cell: (operation) => operation.id },
  { name: 'kind', cell: (operation) => operation.kind },
  { name: 'subject', cell: (operation) => operation.subject },
  { name: 'person', cell: (operation) => operation.person },
  { name: 'state', cell: (operation) => operation.state },
  { name: 'created', cell: (operation) => operation.createdAt },
  { name: 'step', cell: ({ error, state, step }) => error?.message ?? (state === 'done' ? '' : step) },
];

export const registerOperation: Register = (program, invocation) => {
  const operation = branch(program, invocation, 'operation', 'long work: creating, starting, building').alias('operations');
  registerOperationList(operation, invocation);
  registerShow(operation, invocation);
  const cancel = leaf(operation, invocation, {
    usage: 'cancel <operation>',
    summary: 'ask an operation to end and undo itself',
    examples: ['myserver operation cancel 0190a2c4-7c0e-7e1a-9d7b-0242ac120002'],
  });
  perform<CommonOptions>(cancel, async (args, options) => {
    const params = { id: required(args[0]) };
    const answer = await invocation.client(options).call('cancelOperation', { params }, { signal: invocation.context.signal });
    await invocation.result(options, answer.operation, `the ${answer.operation.kind} of ${answer.operation.subject} was asked to end\n`);
  });
};

function registerOperationList(operation: Command, invocation: Invocation): void {
  const command = leaf(operation, invocation, {
    usage: 'list',
    aliases: ['ls'],
    summary: 'your operations, newest first',
    examples: ['myserver operation list', 'myserver operation list --state running'],
  });
  addColumnOptions(command, columns)
    .option('--limit <n>', 'how many (default: 20)')
    .option('--state <state>', 'only those that are pending, running, done, failed or cancelled');
  perform<RowOptions & { readonly limit?: string; readonly state?: string }>(command, async (_args, options) => {
    const limit = parseCount(options.limit ?? '20', 'a number of operations');
    const query = { limit, ...(options.state === undefined ? {} : { state: options.state }) };
    const { operations } = await invocation.client(options).call('listOperations', { query }, { signal: invocation.context.signal });
    await invocation.rows(options, columns, operations);
  });
}

function registerShow(operation: Command, invocation: Invocation): void {
  const command = leaf(operation, invocation, {
    usage: 'show <operation>',
    summary: 'one operation, with its progress',
    examples: ['myserver operation show 0190a2c4-7c0e-7e1a-9d7b-0242ac120002 --wait'],
  }).option('--wait', 'wait until it has ended; the exit code says how');
  perform<CommonOptions & { readonly wait?: boolean }>(command, async (args, options) => {
    const client = invocation.client(options);
    let { operation: seen } = await client.call(
      'getOperation',
      { params: { id: required(args[0]) }, query: {} },
      { signal: invocation.context.signal },
    );
    if (options.wait === true) {
      const outcomes = await follow(invocation, client, [seen]);
      seen = outcomes[0]?.operation ?? seen;
      tellFailures(invocation, options, outcomes);
    }
    await invocation.thing(options, seen, [
      ['operation', seen.id],
      ['what', `${seen.kind} of ${seen.subject}`],
      ['state', seen.state],
      ['progress', `${Math.round(seen.fraction * 100)} %`],
      ['step', seen.step],
      ...(seen.error === null ? [] : [['error', seen.error.message] as const]),
      ['person', seen.person],
      ['begun', seen.createdAt],
      ['ended', seen.endedAt],
    ]);
  });
}
