import { addWait, type DeedOptions, doToEach } from './deed.ts';
import { leaf, listed, perform, type Register } from './grammar.ts';
import { serversNamed } from './named-servers.ts';

export const registerStop: Register = (program, invocation) => {
  const command = leaf(program, invocation, {
    usage: 'stop <ids...>',
    summary: 'shut servers down cleanly',
    examples: ['myserver stop 123', 'myserver stop 1 2 5-9    # several at once'],
    more: 'What is on the disk stays. One that does not shut down by itself is ended with "myserver kill".',
  });
  addWait(command);
  perform<DeedOptions>(command, async (args, options) =>
    doToEach(invocation, options, await serversNamed(invocation, options, listed(args[0])), {
      outcome: 'is stopped',
      begin: async (client, id) => (await client.call('stopServer', { params: { id } }, { signal: invocation.context.signal })).operation,
    }),
  );
};
