import { addWait, type DeedOptions, doToEach } from './deed.ts';
import { leaf, listed, perform, type Register } from './grammar.ts';
import { serversNamed } from './named-servers.ts';

export const registerKill: Register = (program, invocation) => {
  const command = leaf(program, invocation, {
    usage: 'kill <ids...>',
    summary: 'pull the plug of servers',
    examples: ['myserver kill 123', 'myserver kill 1 2 5-9    # several at once'],
    more: 'Like cutting the power: what was not written to the disk is lost. "myserver stop" shuts down cleanly.',
  });
  addWait(command);
  perform<DeedOptions>(command, async (args, options) =>
    doToEach(invocation, options, await serversNamed(invocation, options, listed(args[0])), {
      outcome: 'is stopped',
      begin: async (client, id) => (await client.call('killServer', { params: { id } }, { signal: invocation.context.signal })).operation,
    }),
  );
};
