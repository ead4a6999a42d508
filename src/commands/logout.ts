import { Fault } from '../base/fault.ts';
import { fault } from '../core/errors.ts';
import type { Machine, StoredSession } from './context.ts';
import { leaf, optional, perform, type Register } from './grammar.ts';
import type { CommonOptions, Invocation } from './invocation.ts';

export const registerLogout: Register = (program, invocation) => {
  if (invocation.context.machine === undefined) return;
  const { machine } = invocation.context;
  const command = leaf(program, invocation, {
    usage: 'logout [url]',
    summary: 'end the sign-in that is kept here',
    examples: ['myserver logout', 'myserver logout https://servers.example.org', 'myserver logout --all'],
  }).option('--all', 'all that are kept here');
  perform<CommonOptions & { readonly all?: boolean }>(command, async ([address], options) => {
    const kept = await machine.sessions.list();
    const named = optional(address) ?? options.url;
    const url = named === undefined ? undefined : (await machine.reach({ ...options, url: named })).url;
    const ending = options.all === true ? kept : kept.filter((session, at) => (url === undefined ? at === 0 : session.url === url));
    if (ending.length === 0 && options.all !== true)
      throw fault(
        'not-found',
        named === undefined ? 'no sign-in is kept here' : `no sign-in to ${url} is kept here; "myserver logout --all" ends all there are`,
      );
    const ended = [];
    for (const session of ending) ended.push({ url: session.url, revoked: await end(invocation, machine, session) });
    await invocation.result(
      options,
      ended,
      ended
        .map((one) => (one.revoked ? `Signed out of ${one.url}.\n` : `Forgot the sign-in to ${one.url}; it could not be told.\n`))
        .join(''),
    );
  });
};

/** Revokes the token where that can be done; forgets it in any case, since that is what was asked. */
async function end(invocation: Invocation, machine: Machine, session: StoredSession): Promise<boolean> {
  await using undo = new AsyncDisposableStack();
  undo.defer(() => machine.sessions.remove(session.url));
  const options = {
    url: session.url,
    ...(session.caFile === undefined ? {} : { ca: session.caFile }),
    ...(session.insecureHttp === undefined ? {} : { insecureHttp: session.insecureHttp }),
  };
  try {
    const { client } = await machine.reach(options, session.token);
    await client.call('revokeToken', { params: { id: 'current' } }, { signal: invocation.context.signal });
    return true;
  } catch (error) {
    // Already ended or expired there is as good as revoked.
    return error instanceof Fault && error.code === 'not-signed-in';
  }
}
