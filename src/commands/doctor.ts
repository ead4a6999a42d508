import type { Command } from 'commander';
import { addYes, leaf, listed, perform, type Register, addColumnOptions } from './grammar.ts';
import type { CommonOptions, Invocation, RowOptions } from './invocation.ts';
import { findingColumns, tellFindings } from './finding-columns.ts';
import { visible } from './plain-text.ts';

export const registerDoctor: Register = (program, invocation) => {
  const doctor = leaf(program, invocation, {
    usage: 'doctor',
    summary: 'what is not as it should be, and what to do',
    examples: [
      'myserver doctor',
      'myserver doctor --mend                                   # all that can be mended',
      'myserver doctor mend sysctl-drifted:net.ipv4.ip_forward',
      'myserver doctor adopt instance-unknown:s7-0a1b2c3d --owner jbond007',
      'myserver doctor discard instance-unknown:s7-0a1b2c3d     # destroys it; asks first',
    ],
    more: 'Exit code 1 when a finding is an error.',
  }).option('--mend', 'mend what can be mended, then look again');
  addColumnOptions(doctor, findingColumns);
  perform<RowOptions & { readonly mend?: boolean }>(doctor, async (_args, options) => {
    const client = invocation.client(options);
    const { signal } = invocation.context;
    const { findings } = await client.call('doctor', {}, { signal });
    if (options.mend !== true) return tellFindings(invocation, options, findings);
    for (const { id } of findings.filter((finding) => finding.actions.includes('mend'))) {
      try {
        const { done } = await client.call('treatFinding', { params: { id, action: 'mend' }, body: {} }, { signal });
        invocation.remark(`${visible(id)}: ${visible(done)}\n`);
      } catch (error) {
        invocation.fail(error, options);
      }
    }
    return tellFindings(invocation, options, (await client.call('doctor', {}, { signal })).findings);
  });
  registerTreatment(doctor, invocation, 'mend', 'mend findings, named by their IDs');
  registerTreatment(doctor, invocation, 'adopt', 'make an unknown instance a server of ours').option('--owner <name>', 'whose it shall be');
  addYes(registerTreatment(doctor, invocation, 'discard', 'destroy an unknown instance'));
};

type Action = 'mend' | 'adopt' | 'discard';

function registerTreatment(doctor: Command, invocation: Invocation, action: Action, summary: string): Command {
  const command = leaf(doctor, invocation, {
    usage: `${action} <findings...>`,
    summary,
    examples: [`myserver doctor ${action} ${action === 'mend' ? 'sysctl-drifted:net.ipv4.ip_forward' : 'instance-unknown:s7-0a1b2c3d'}`],
  });
  perform<CommonOptions & { readonly owner?: string; readonly yes?: boolean }>(command, async (args, options) => {
    const ids = listed(args[0]);
    if (action === 'discard')
      await invocation.confirm(
        options,
        `discarding ${ids.join(', ')}`,
        `Destroy ${visible(ids.join(', '))} with everything on it? Type yes: `,
        (answer) => answer === 'yes',
      );
    const client = invocation.client(options);
    const body = options.owner === undefined ? {} : { owner: options.owner };
    const results = [];
    for (const id of ids) {
      try {
        const { done } = await client.call('treatFinding', { params: { id, action }, body }, { signal: invocation.context.signal });
        results.push({ id, done });
      } catch (error) {
        invocation.fail(error, options);
      }
    }
    if (results.length > 0)
      await invocation.rows(
        options,
        [
          { name: 'id', cell: (one) => one.id },
          { name: 'done', cell: (one) => one.done },
        ],
        results,
      );
  });
  return command;
}
