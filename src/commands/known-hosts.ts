/** See also `cli/quick-known-hosts.ts`. */
import { knownHostsText } from './client-config/known-hosts-text.ts';
import { leaf, optional, perform, type Register } from './grammar.ts';
import type { CommonOptions } from './invocation.ts';

export const registerKnownHosts: Register = (program, invocation) => {
  const command = leaf(program, invocation, {
    usage: 'known-hosts [host]',
    summary: 'the true SSH host keys, as OpenSSH reads them',
    examples: [
      'myserver known-hosts > known_hosts',
      'myserver known-hosts server-123',
      "myserver known-hosts '[host.example.org]:2123'",
      "ssh -o 'KnownHostsCommand /usr/local/bin/myserver known-hosts %H' -p 2123 NAME@HOST",
    ],
    more: "With a host, as ssh's %H gives it, only what is known by that name: nothing, and exit code 0, for others.\nNobody needs to sign in.",
  });
  perform<CommonOptions>(command, async (args, options) => {
    const host = optional(args[0]);
    const { signal } = invocation.context;
    const client = invocation.client({ ...options, withoutSignIn: true });
    const published = await client.call('listHostKeys', { query: host === undefined ? {} : { host } }, { signal });
    await invocation.result(options, published, knownHostsText(published, host));
  });
};
