import type { PlanView } from '../contract/schemas.ts';
import { branch, leaf, perform, type Register } from './grammar.ts';
import type { CommonOptions, RowOptions } from './invocation.ts';
import { tellFindings } from './finding-columns.ts';

export const registerPlan: Register = (program, invocation) => {
  const plan = branch(program, invocation, 'plan', 'which address and which ports belong to which ID');
  const show = leaf(plan, invocation, {
    usage: 'show',
    summary: 'the addressing plan',
    examples: ['myserver plan show', 'myserver plan show -f json'],
  });
  perform<CommonOptions>(show, async (_args, options) => {
    const view = await invocation.client(options).call('getPlan', {}, { signal: invocation.context.signal });
    await invocation.thing(options, view, [
      ['public address', view.publicHost],
      ['private network', view.network],
      ['host in it', view.host],
      ['IDs', `${view.firstId} to ${view.lastId}`],
      ...view.blocks.map(
        ({ name, rule, privatePort, protocols }) =>
          [`block ${name}`, `public port ${rule} -> ${privatePort}/${protocols.join(',')}`] as const,
      ),
      ["servers' pages", pagesAt(view.web)],
    ]);
  });
  const check = leaf(plan, invocation, {
    usage: 'check',
    summary: 'collisions of the plan with itself and with the host',
    examples: ['myserver plan check'],
    more: 'Exit code 1 when something is in the way.',
  });
  perform<RowOptions>(check, async (_args, options) => {
    const { findings } = await invocation.client(options).call('checkPlan', {}, { signal: invocation.context.signal });
    await tellFindings(invocation, options, findings);
  });
};

function pagesAt(web: PlanView['web']): string {
  return web === null
    ? 'not served here'
    : [
        ...(web.portal === null ? [] : [`the portal ${web.portal}/`]),
        ...web.urls,
        ...(web.authority === null ? [] : [`certified by ${web.authority}`]),
      ].join(', ');
}
