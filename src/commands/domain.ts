import type { WebDomainView } from '../contract/routes/web.ts';
import { parseServerReference } from '../core/login.ts';
import type { Column } from './format.ts';
import { addColumnOptions, branch, leaf, perform, type Register, required } from './grammar.ts';
import type { CommonOptions, RowOptions } from './invocation.ts';
import { serverNamed } from './named-servers.ts';

const columns: readonly Column<WebDomainView>[] = [
  { name: 'name', cell: ({ name }) => name },
  { name: 'server', cell: ({ serverId }) => serverId },
  { name: 'port', cell: ({ door }) => door },
  { name: 'state', cell: ({ isProven }) => (isProven ? 'served' : 'waits for its proof') },
  { name: 'proof', cell: ({ proof }) => `${proof.name} TXT "${proof.value}"` },
];

export const registerDomain: Register = (program, invocation) => {
  const domain = branch(program, invocation, 'domain', 'names of the DNS for your servers: example.org leads to server 123').alias(
    'domains',
  );
  const add = leaf(domain, invocation, {
    usage: 'add <server> <name>',
    summary: 'give a server a name of its own',
    examples: ['myserver domain add 123 example.org', 'myserver domain add 123 app.example.org --port usr'],
    more:
      'The name leads to this host by an A or AAAA record (or CNAME), and a TXT record shows that it is yours to give:\n' +
      'the command says which. A name that nobody proves within a week is forgotten; one goes with its server.',
  }).option('--port <name>', 'which port: www (80 inside) or usr (8000 inside)', 'www');
  perform<CommonOptions & { readonly port: string }>(add, async (args, options) => {
    const id = await serverNamed(invocation, options, parseServerReference(required(args[0])));
    const body = { name: required(args[1]), door: options.port };
    const { domain: added } = await invocation
      .client(options)
      .call('addDomain', { params: { id }, body }, { signal: invocation.context.signal });
    await invocation.result(options, added, added.isProven ? servedText(added) : waitingText(added));
  });

  const check = leaf(domain, invocation, {
    usage: 'check <name>',
    summary: 'look whether the TXT record is there',
    examples: ['myserver domain check example.org'],
  });
  perform<CommonOptions>(check, async (args, options) => {
    const params = { name: required(args[0]) };
    const { domain: checked } = await invocation.client(options).call('checkDomain', { params }, { signal: invocation.context.signal });
    await invocation.result(options, checked, servedText(checked));
  });

  const list = leaf(domain, invocation, {
    usage: 'list',
    aliases: ['ls'],
    summary: 'names of your servers, and those that wait',
    examples: ['myserver domain list'],
  });
  addColumnOptions(list, columns);
  perform<RowOptions>(list, async (_args, options) => {
    const { domains } = await invocation.client(options).call('listDomains', {}, { signal: invocation.context.signal });
    await invocation.rows(options, columns, domains);
  });

  const remove = leaf(domain, invocation, {
    usage: 'remove <name>',
    aliases: ['rm'],
    summary: 'take a name away from its server',
    examples: ['myserver domain remove example.org'],
  });
  perform<CommonOptions>(remove, async (args, options) => {
    const name = required(args[0]);
    await invocation.client(options).call('removeDomain', { params: { name } }, { signal: invocation.context.signal });
    await invocation.result(options, { removed: name }, `${name} leads to no server any more\n`);
  });
};

function servedText({ name, serverId, door }: WebDomainView): string {
  return `http://${name}/ is server ${serverId} (${door})\n`;
}

function waitingText({ name, proof }: WebDomainView): string {
  return (
    `${name} waits for its proof. Put this record into its zone:\n\n` +
    `  ${proof.name}.  IN TXT  "${proof.value}"\n\n` +
    `then: myserver domain check ${name}\n`
  );
}
