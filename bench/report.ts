/** What a figure is, and how it is shown: as a table for people, as JSON for comparison. A goal is shown beside its figure and never fails anything. */
import { quantile, type Spread, spreadOf } from './measure.ts';
import type { MachineFacts } from './machine.ts';

export type Unit = 'ms' | 's' | 'kB' | 'MB' | 'MB/s' | '/s';

export interface Goal {
  readonly kind: 'at-most' | 'at-least';
  readonly value: number;
  /** Whether it is said of our own value or of its ratio to the peer's. */
  readonly of: 'value' | 'ratio';
}

export interface Row {
  readonly what: string;
  readonly unit: Unit;
  readonly ours: Spread;
  readonly peer: string;
  readonly theirs: Spread;
  /** The median of the rounds' own ratios, for a machine that is busy in a round is so for both; of medians where the peer had other rounds. */
  readonly ratio: number;
  readonly goal: Goal | undefined;
}

export interface Figure {
  /** One word, for the command line. */
  readonly name: string;
  readonly title: string;
  measure(): Promise<readonly Row[]>;
}

export interface Measured {
  readonly name: string;
  readonly title: string;
  readonly seconds: number;
  readonly rows: readonly Row[];
}

export interface RowInput {
  readonly what: string;
  readonly unit: Unit;
  readonly ours: readonly number[];
  readonly peer: string;
  readonly theirs: readonly number[];
  readonly goal?: Goal;
}

export function row({ what, unit, ours, peer, theirs, goal }: RowInput): Row {
  const [own, other] = [spreadOf(ours), spreadOf(theirs)];
  const pairs = ours.map((value, round) => value / (theirs[round] ?? Number.NaN));
  const ratio = ours.length === theirs.length ? quantile(pairs, 0.5) : own.median / other.median;
  return { what, unit, ours: own, peer, theirs: other, ratio, goal };
}

function isReached({ ours, ratio, goal }: Row): boolean | undefined {
  if (goal === undefined) return undefined;
  const value = goal.of === 'ratio' ? ratio : ours.median;
  return goal.kind === 'at-most' ? value <= goal.value : value >= goal.value;
}

export function tableText({ title, rows, seconds }: Measured): string {
  const head = ['', 'ours', 'min..max', 'peer', 'peer min..max', 'ratio', 'goal', 'rounds', 'measured against'];
  const lines = rows.map((one) => [
    one.what,
    `${number(one.ours.median)} ${one.unit}`,
    range(one.ours),
    `${number(one.theirs.median)} ${one.unit}`,
    range(one.theirs),
    one.ratio.toFixed(2),
    goalText(one),
    String(one.ours.rounds),
    one.peer,
  ]);
  const cells = [head, ...lines];
  const widths = head.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)));
  const text = cells.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return [`${title} (${seconds.toFixed(0)} s)`, ...text, ''].join('\n');
}

export function factsText(facts: MachineFacts): string {
  return Object.entries(facts)
    .map(([name, value]) => `${name.padEnd(12)}${Array.isArray(value) ? value.join(' ') : String(value)}`)
    .join('\n');
}

function goalText(one: Row): string {
  const { goal, unit } = one;
  if (goal === undefined) return '';
  const sign = goal.kind === 'at-most' ? '<=' : '>=';
  return `${sign} ${goal.value}${goal.of === 'value' ? ` ${unit}` : ''} ${isReached(one) === true ? 'yes' : 'NO'}`;
}

function range({ min, max }: Spread): string {
  return `${number(min)}..${number(max)}`;
}

function number(value: number): string {
  return value >= 1000 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
