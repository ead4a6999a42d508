/** What `up` says while it works: one line a step, and nothing about steps that had nothing to do. */
import type { StepReport } from '../../src/host/step.ts';

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function makeReport(): StepReport {
  return {
    changing: (step, missing) => say(`${step}: ${missing}`),
    done(step, hasChanged, ms) {
      if (hasChanged) say(`${step}: done in ${(ms / 1000).toFixed(1)} s`);
    },
  };
}
