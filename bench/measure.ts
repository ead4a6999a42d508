/** Measuring by turns: what else the machine does meanwhile meets all contestants alike, and the median of several rounds says what one round cannot. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly rounds: number;
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: quantile(values, 0.5), min: Math.min(...values), max: Math.max(...values), rounds: values.length };
}

/** Between the two values it falls between, as a share of the way. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? Number.NaN;
  return below + (above - below) * (at - Math.floor(at));
}

export type Contestants<Name extends string> = Readonly<Record<Name, (round: number) => Promise<number>>>;

/** The quiet between two turns: the last one's work in the background (a disk that writes, processes that end) is not the next one's burden. */
const restMs = 200;

/** Every contestant once a round, in turned-about order, so that none always comes after the same other. Round 0 warms up and is not counted. */
export async function alternate<Name extends string>(
  rounds: number,
  contestants: Contestants<Name>,
  isWarm = false,
): Promise<Readonly<Record<Name, readonly number[]>>> {
  const names = Object.keys(contestants) as Name[];
  const values = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]>;
  for (let round = isWarm ? 1 : 0; round <= rounds; round += 1) {
    for (const name of round % 2 === 0 ? names.toReversed() : names) {
      const value = await contestants[name](round);
      if (round > 0) values[name].push(value);
      console.error(`round ${round} of ${rounds}: ${name} ${value.toFixed(1)}`);
      await sleep(restMs);
    }
  }
  return values;
}

/** Milliseconds on a clock that all processes of the machine share (CLOCK_MONOTONIC). */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = nowMs();
  await work();
  return nowMs() - from;
}
