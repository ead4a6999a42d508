import type { Client } from '../client/client.ts';
import type { ServerId } from '../core/ids.ts';
import { parseIds } from './arguments.ts';
import { addWait, type DeedOptions, doToEach } from './deed.ts';
import { addYes, leaf, listed, perform, type Register } from './grammar.ts';
import type { Invocation } from './invocation.ts';
import { serversNamed } from './named-servers.ts';
import { visible } from './plain-text.ts';

interface DropOptions extends DeedOptions {
  readonly yes?: boolean;
}

export const registerDrop: Register = (program, invocation) => {
  const command = leaf(program, invocation, {
    usage: 'drop <ids...>',
    aliases: ['rm', 'delete', 'destroy'],
    summary: 'destroy servers with everything on them',
    examples: ['myserver drop 123', 'myserver drop --yes 5-9    # without asking'],
    more: "It asks for the ID once more. The ID is given back and may be the next server's.\nWho creates the same ID again keeps its SSH host key.",
  });
  addYes(addWait(command));
  perform<DropOptions>(command, async (args, options) => {
    const ids = await serversNamed(invocation, options, listed(args[0]));
    const generations = options.yes === true ? new Map<ServerId, string>() : await agreed(invocation, options, ids);
    await doToEach(invocation, options, ids, {
      outcome: 'is gone',
      begin: async (client, id) => {
        const generation = generations.get(id);
        const input = { params: { id }, query: generation === undefined ? {} : { generation } };
        return (await client.call('dropServer', input, { signal: invocation.context.signal })).operation;
      },
    });
  });
};

/** Shows what would go and asks. The generations seen go along with the call, so that nobody drops a successor that was not shown. */
async function agreed(invocation: Invocation, options: DropOptions, ids: readonly ServerId[]): Promise<ReadonlyMap<ServerId, string>> {
  const what = ids.length === 1 ? `dropping server ${ids.join()}` : `dropping ${ids.length} servers`;
  // Without a terminal nobody can agree: say so before anything is asked of control.
  if (!invocation.context.terminal.isTerminal) await invocation.confirm(options, what, '', () => false);
  const generations = await show(invocation, invocation.client(options), ids);
  const wanted = ids.join(' ');
  const question = ids.length === 1 ? 'Type the ID to destroy it for good: ' : `Type the IDs (${wanted}) to destroy them for good: `;
  await invocation.confirm(options, what, question, (answer) => sameIds(answer, ids));
  return generations;
}

async function show(invocation: Invocation, client: Client, ids: readonly ServerId[]): Promise<ReadonlyMap<ServerId, string>> {
  const generations = new Map<ServerId, string>();
  for (const id of ids) {
    const { server } = await client.call('getServer', { params: { id } }, { signal: invocation.context.signal });
    generations.set(id, server.generation);
    const notes = server.notes === '' ? '' : `, "${server.notes}"`;
    invocation.remark(
      visible(`server ${server.id}: ${server.system} ${server.type}, owner ${server.owner}, ${server.status}${notes}`) + '\n',
    );
  }
  return generations;
}

function sameIds(answer: string, ids: readonly ServerId[]): boolean {
  try {
    const typed = new Set(parseIds(answer.split(/\s+/u)));
    return typed.size === ids.length && ids.every((id) => typed.has(id));
  } catch {
    return false;
  }
}
