import { addWait, type DeedOptions, doToEach } from './deed.ts';
import { leaf, listed, perform, type Register } from './grammar.ts';
import { serversNamed } from './named-servers.ts';

export const registerRestart: Register = (program, invocation) => {
  const command = leaf(program, invocation, {
    usage: 'restart <ids...>',
    summary: 'stop servers and start them again',
    examples: ['myserver restart 123', 'myserver restart 1 2 5-9    # several at once'],
    more: 'What runs inside is ended; what is on the disk stays.',
  });
  addWait(command);
  perform<DeedOptions>(command, async (args, options) =>
    doToEach(invocation, options, await serversNamed(invocation, options, listed(args[0])), {
      outcome: 'is running again',
      begin: async (client, id) =>
        (await client.call('restartServer', { params: { id } }, { signal: invocation.context.signal })).operation,
    }),
  );
};
