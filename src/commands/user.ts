import { type Command, Option } from 'commander';
import type { PersonView } from '../contract/schemas.ts';
import { roles } from '../core/access.ts';
import { fault } from '../core/errors.ts';
import { formatSize } from '../core/sizes.ts';
import type { Column } from './format.ts';
import { addColumnOptions, addYes, branch, leaf, listed, perform, type Register, required } from './grammar.ts';
import type { CommonOptions, Invocation, RowOptions } from './invocation.ts';
import { addQuotaOptions, quotaOf, type QuotaOptions } from './quota.ts';

const columns: readonly Column<PersonView>[] = [
  { name: 'name', cell: (person) => person.name },
  { name: 'role', cell: (person) => person.role },
  { name: 'create', cell: (person) => (person.canCreate ? 'yes' : 'no') },
  { name: 'servers', cell: (person) => ofQuota(person.used.servers, person.quota.servers) },
  { name: 'cpus', cell: (person) => ofQuota(person.used.cpus, person.quota.cpus) },
  { name: 'mem', cell: (person) => ofQuota(formatSize(person.used.memoryBytes), size(person.quota.memoryBytes)) },
  { name: 'disk', cell: (person) => ofQuota(formatSize(person.used.diskBytes), size(person.quota.diskBytes)) },
  { name: 'state', cell: (person) => (person.disabled ? 'disabled' : person.passwordMustChange ? 'must change password' : 'active') },
  { name: 'groups', cell: (person) => person.groups.join(' ') },
];

export const registerUser: Register = (program, invocation) => {
  const user = branch(program, invocation, 'user', 'the people').alias('users');
  registerAdd(user, invocation);
  registerUserList(user, invocation);
  registerSet(user, invocation);
  registerRemove(user, invocation);
};

function size(bytes: number | null): string | null {
  return bytes === null ? null : formatSize(bytes);
}

/** `2/10`; `2` where the configuration's default holds. */
function ofQuota(used: string | number, quota: string | number | null): string {
  return quota === null ? String(used) : `${used}/${quota}`;
}

function roleOption(): Option {
  return new Option('--role <role>', 'what the person may do in general').choices(roles);
}

type Role = PersonView['role'];

interface AddOptions extends CommonOptions, QuotaOptions {
  readonly role?: Role;
  readonly create?: boolean;
  readonly ifNone?: boolean;
  readonly ownPassword?: boolean;
}

function registerAdd(user: Command, invocation: Invocation): void {
  const command = leaf(user, invocation, {
    usage: 'add <name>',
    summary: 'add a person; a password is generated and shown once',
    examples: ['myserver user add jbond007', 'myserver user add mm --role staff', 'myserver user add lab1 --servers 2 --mem 2G'],
  })
    .addOption(roleOption())
    .option('--create', 'may create servers')
    .option('--no-create', 'may not create servers')
    .option('--own-password', 'ask for a password instead of generating one')
    .option('--if-none', 'do nothing when somebody with that role is there already');
  addQuotaOptions(command);
  perform<AddOptions>(command, async (args, options) => {
    const { role, create, ifNone, ownPassword } = options;
    const client = invocation.client(options);
    const { signal } = invocation.context;
    if (ifNone === true) {
      const { people } = await client.call('listPeople', {}, { signal });
      const there = people.find((person) => person.role === (role ?? 'user'));
      if (there !== undefined)
        return invocation.result(options, { person: there, password: null }, `There is ${there.name} already, so nobody was added.\n`);
    }
    const password = ownPassword === true ? await invocation.secret(options, `password for ${required(args[0])}`) : undefined;
    const quota = quotaOf(options);
    const body = {
      name: required(args[0]),
      ...(role === undefined ? {} : { role }),
      ...(create === undefined ? {} : { canCreate: create }),
      ...(Object.keys(quota).length === 0 ? {} : { quota }),
      ...(password === undefined ? {} : { password: password.reveal() }),
    };
    const added = await client.call('addPerson', { body }, { signal });
    return tellPassword(invocation, options, added, added.person.name, added.password);
  });
}

async function tellPassword(
  invocation: Invocation,
  options: CommonOptions,
  value: unknown,
  name: string,
  password: string | null,
): Promise<void> {
  await invocation.thing(options, value, [['person', name], ...(password === null ? [] : [['password', password] as const])]);
  if (password !== null && options.format === 'table')
    invocation.remark('The password is shown this once and must be changed at the first sign-in ("myserver password").\n');
}

function registerUserList(user: Command, invocation: Invocation): void {
  const command = leaf(user, invocation, {
    usage: 'list',
    aliases: ['ls'],
    summary: 'the people that you may see, with what they use of their quota',
    examples: ['myserver user list'],
  });
  addColumnOptions(command, columns);
  perform<RowOptions>(command, async (_args, options) => {
    const { people } = await invocation.client(options).call('listPeople', {}, { signal: invocation.context.signal });
    await invocation.rows(
      options,
      columns,
      people.toSorted((a, b) => a.name.localeCompare(b.name, 'en')),
    );
  });
}

interface SetOptions extends CommonOptions, QuotaOptions {
  readonly role?: Role;
  readonly create?: boolean;
  readonly disable?: boolean;
  readonly enable?: boolean;
  readonly newPassword?: boolean;
}

function registerSet(user: Command, invocation: Invocation): void {
  const command = leaf(user, invocation, {
    usage: 'set <person>',
    summary: 'role, right to create, quota; shut out; a new password',
    examples: [
      'myserver user set mm --role staff',
      'myserver user set lab1 --servers 5 --disk default',
      'myserver user set mm --disable',
      'myserver user set mm --new-password',
    ],
  })
    .addOption(roleOption())
    .option('--create', 'may create servers')
    .option('--no-create', 'may not create servers')
    .option('--disable', 'may do nothing at all; the servers go on')
    .option('--enable', 'is let in again')
    .option('--new-password', 'generate a new password, shown once');
  addQuotaOptions(command);
  perform<SetOptions>(command, async (args, options) => {
    const name = required(args[0]);
    const quota = quotaOf(options);
    const { role, create, disable, enable, newPassword } = options;
    const body = {
      ...(role === undefined ? {} : { role }),
      ...(create === undefined ? {} : { canCreate: create }),
      ...(disable === true ? { disabled: true } : {}),
      ...(enable === true ? { disabled: false } : {}),
      ...(Object.keys(quota).length === 0 ? {} : { quota }),
    };
    const isChange = Object.keys(body).length > 0;
    if (!isChange && newPassword !== true) throw fault('bad-request', 'nothing to change was given (see "myserver user set --help")');
    const client = invocation.client(options);
    const { signal } = invocation.context;
    const changed = isChange ? await client.call('changePerson', { params: { name }, body }, { signal }) : undefined;
    if (newPassword !== true) return invocation.result(options, changed, `${name} is changed.\n`);
    const { password } = await client.call('personPassword', { params: { name }, body: {} }, { signal });
    return tellPassword(invocation, options, { ...changed, name, password }, name, password);
  });
}

function registerRemove(user: Command, invocation: Invocation): void {
  const command = leaf(user, invocation, {
    usage: 'remove <people...>',
    aliases: ['rm'],
    summary: 'remove people who own no server',
    examples: ['myserver user remove jbond007'],
  });
  addYes(command);
  perform<CommonOptions & { readonly yes?: boolean }>(command, async (args, options) => {
    const names = listed(args[0]);
    const all = names.join(', ');
    await invocation.confirm(
      options,
      `removing ${all}`,
      `Remove ${all} with their keys and grants? Type yes: `,
      (answer) => answer === 'yes',
    );
    const client = invocation.client(options);
    for (const name of names) await client.call('removePerson', { params: { name } }, { signal: invocation.context.signal });
    await invocation.result(options, { removed: names }, names.map((name) => `${name} is removed.\n`).join(''));
  });
}
