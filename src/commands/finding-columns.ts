/** Findings of doctor and of the plan's check, as a table and as an exit code. */
import type { FindingView } from '../contract/schemas.ts';
import type { Column } from './format.ts';
import type { Invocation, RowOptions } from './invocation.ts';
import { visible } from './plain-text.ts';

export const findingColumns: readonly Column<FindingView>[] = [
  { name: 'severity', cell: (finding) => finding.severity },
  { name: 'id', cell: (finding) => finding.id },
  { name: 'subject', cell: (finding) => finding.subject },
  { name: 'actions', cell: (finding) => finding.actions.join(' ') },
  { name: 'found', cell: (finding) => finding.found },
  { name: 'remedy', cell: (finding) => finding.remedy },
];

/** Prints the findings; the exit code is 1 when one of them is an error. People get a paragraph for each: sentences do not fit a table. */
export async function tellFindings(invocation: Invocation, options: RowOptions, findings: readonly FindingView[]): Promise<void> {
  if (findings.some((finding) => finding.severity === 'error')) invocation.exitCode = 1;
  if (options.format !== 'table' || options.columns !== undefined) {
    await invocation.rows(options, findingColumns, findings);
    return;
  }
  invocation.say(findings.length === 0 ? 'Everything is as it should be.\n' : findings.map((finding) => paragraph(finding)).join('\n'));
}

function paragraph({ severity, subject, found, remedy, id, actions }: FindingView): string {
  const lines = [`${severity}: ${visible(subject)}`, `  ${visible(found)}`, `  ${visible(remedy)}`];
  for (const action of actions) lines.push(`  -> myserver doctor ${action} ${visible(id)}`);
  return `${lines.join('\n')}\n`;
}
