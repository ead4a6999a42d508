import type { Secret } from '../base/secret.ts';
import { fault } from '../core/errors.ts';
import { parseServerReference } from '../core/login.ts';
import { leaf, optional, perform, type Register } from './grammar.ts';
import type { CommonOptions, Invocation } from './invocation.ts';
import { serverNamed } from './named-servers.ts';

interface PasswordOptions extends CommonOptions {
  readonly inside?: string;
}

export const registerPassword: Register = (program, invocation) => {
  const command = leaf(program, invocation, {
    usage: 'password [id]',
    aliases: ['passwd'],
    summary: "with an ID: a new one-time password inside that server; without: change one's own",
    examples: [
      'myserver password 123                   # for its admin',
      'myserver password 123 --inside guest    # for another user inside',
      'myserver password                       # the one you sign in to myserver with',
    ],
    more: 'A new one-time password is shown once and must be changed at the first login. With --password-stdin, the\nlines are: the current password, the new one.',
  }).option('--inside <user>', "a user inside the server (default: the server's admin)");
  perform<PasswordOptions>(command, async ([id], options) => {
    const text = optional(id);
    await (text === undefined ? changeOwn(invocation, options) : renew(invocation, options, text));
  });
};

async function renew(invocation: Invocation, options: PasswordOptions, text: string): Promise<void> {
  const id = await serverNamed(invocation, options, parseServerReference(text));
  const body = options.inside === undefined ? {} : { user: options.inside };
  const made = await invocation.client(options).call('serverPassword', { params: { id }, body }, { signal: invocation.context.signal });
  await invocation.thing(options, made, [
    ['server', made.id],
    ['user', made.user],
    ['password', made.password],
  ]);
  if (options.format === 'table') invocation.remark('It is shown this once and must be changed at the first login.\n');
}

async function changeOwn(invocation: Invocation, options: PasswordOptions): Promise<void> {
  if (options.inside !== undefined)
    throw fault('bad-request', '--inside needs the ID of a server, as in "myserver password 123 --inside guest"');
  let given: Secret | undefined;
  const client = invocation.client({ ...options, passwordGiven: (password) => (given = password) });
  const { signal } = invocation.context;
  const { name } = await client.call('me', {}, { signal });
  if (name === null)
    throw fault(
      'bad-request',
      'root has no password here; for a person use "myserver user set NAME --new-password", for a server "myserver password ID"',
    );
  const current = given ?? (await invocation.secret(options, `current password of ${name}`));
  const next = await invocation.secret(options, `new password of ${name}`);
  if (options.passwordStdin !== true && (await invocation.secret(options, 'the new password again')).reveal() !== next.reveal())
    throw fault('bad-request', 'the two new passwords are not the same, so nothing was changed: try again');
  await client.call('personPassword', { params: { name }, body: { current: current.reveal(), next: next.reveal() } }, { signal });
  await invocation.result(options, { person: name, changed: true }, `The password of ${name} is changed.\n`);
}
