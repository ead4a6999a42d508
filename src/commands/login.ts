import { fault } from '../core/errors.ts';
import { Secret } from '../base/secret.ts';
import { parseDuration } from './arguments.ts';
import { leaf, optional, perform, type Register } from './grammar.ts';
import type { CommonOptions } from './invocation.ts';

interface LoginOptions extends CommonOptions {
  readonly lifetime?: string;
  readonly label?: string;
}

export const registerLogin: Register = (program, invocation) => {
  if (invocation.context.machine === undefined) return;
  const { machine } = invocation.context;
  const command = leaf(program, invocation, {
    usage: 'login [url]',
    summary: 'sign in once; later commands do not ask for the password',
    examples: ['myserver login https://servers.example.org', 'myserver login --user mm --lifetime 12h'],
    more:
      'Without an address it is the one of this machine, http://127.0.0.1:9440. A token that expires is kept in\n' +
      '~/.config/myserver/session.json, which only you can read; "myserver logout" ends it.',
  })
    .option('--lifetime <time>', 'how long: 12h, 30d (default: what myserver is configured to give)')
    .option('--label <text>', 'what to call this sign-in in "myserver token list" (default: this machine\'s name)');
  perform<LoginOptions>(command, async ([address], options) => {
    const { url, client, caFile } = await machine.reach({ ...options, url: optional(address) ?? options.url ?? machine.defaultAddress });
    const person = options.user ?? machine.userName;
    if (person === '')
      throw fault('bad-request', 'it is not known who you are on this machine: say the name to sign in with by --user NAME');
    // Before a password is asked for or sent: is myserver there at all?
    await client.call('health', {}, { signal: invocation.context.signal });
    const password = await invocation.secret(options, `password of ${person} at ${url}`);
    const body = {
      person,
      password: password.reveal(),
      label: (options.label ?? `myserver on ${machine.hostName}`).slice(0, 100),
      ...(options.lifetime === undefined ? {} : { lifetimeSeconds: parseDuration(options.lifetime) }),
    };
    const { token, id, expiresAt, passwordMustChange } = await client.call('login', { body }, { signal: invocation.context.signal });
    await machine.sessions.save({
      url,
      person,
      tokenId: id,
      token: new Secret(token),
      expiresAt,
      ...(caFile === undefined ? {} : { caFile }),
      ...(options.insecureHttp === true ? { insecureHttp: true } : {}),
    });
    const change = passwordMustChange ? 'Your password must be changed before anything else: myserver password\n' : '';
    await invocation.result(
      options,
      { url, person, tokenId: id, expiresAt, passwordMustChange },
      `Signed in to ${url} as ${person} until ${expiresAt}.\n${change}`,
    );
  });
};
