import type { TokenView } from '../contract/schemas.ts';
import type { Column } from './format.ts';
import { addColumnOptions, branch, leaf, listed, perform, type Register } from './grammar.ts';
import type { CommonOptions, RowOptions } from './invocation.ts';

const columns: readonly Column<TokenView>[] = [
  { name: 'id', cell: (token) => (token.current ? `${token.id} *` : token.id) },
  { name: 'created', cell: (token) => token.createdAt },
  { name: 'expires', cell: (token) => token.expiresAt },
  { name: 'used', cell: (token) => token.lastUsedAt },
  { name: 'label', cell: (token) => token.label },
];

export const registerToken: Register = (program, invocation) => {
  const token = branch(program, invocation, 'token', 'where you are signed in').alias('tokens');
  const list = leaf(token, invocation, {
    usage: 'list',
    aliases: ['ls'],
    summary: 'your sign-ins; * is the one in use',
    examples: ['myserver token list'],
  });
  addColumnOptions(list, columns);
  perform<RowOptions>(list, async (_args, options) => {
    const { tokens } = await invocation.client(options).call('listTokens', {}, { signal: invocation.context.signal });
    await invocation.rows(options, columns, tokens);
  });
  const revoke = leaf(token, invocation, {
    usage: 'revoke <tokens...>',
    aliases: ['remove', 'rm'],
    summary: 'end sign-ins, on whatever machine they are',
    examples: ['myserver token revoke 0190a2c4-7c0e-7e1a-9d7b-0242ac120002', 'myserver token revoke current'],
  });
  perform<CommonOptions>(revoke, async (args, options) => {
    const client = invocation.client(options);
    const ids = listed(args[0]);
    for (const id of ids) await client.call('revokeToken', { params: { id } }, { signal: invocation.context.signal });
    await invocation.result(options, { revoked: ids }, ids.map((id) => `sign-in ${id} is ended\n`).join(''));
  });
};
