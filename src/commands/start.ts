import { addWait, type DeedOptions, doToEach } from './deed.ts';
import { leaf, listed, perform, type Register } from './grammar.ts';
import { serversNamed } from './named-servers.ts';

export const registerStart: Register = (program, invocation) => {
  const command = leaf(program, invocation, {
    usage: 'start <ids...>',
    summary: 'start servers',
    examples: ['myserver start 123', 'myserver start 1 2 5-9    # several at once'],
    more: 'A server that runs already stays as it is.',
  });
  addWait(command);
  perform<DeedOptions>(command, async (args, options) =>
    doToEach(invocation, options, await serversNamed(invocation, options, listed(args[0])), {
      outcome: 'is running',
      begin: async (client, id) => (await client.call('startServer', { params: { id } }, { signal: invocation.context.signal })).operation,
    }),
  );
};
