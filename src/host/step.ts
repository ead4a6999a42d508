/** Bringing a machine up as steps that look before they act, so that doing it again is quick and changes nothing. */

export interface HostStep {
  /** What it is about: `packages`, `kernel settings`. */
  readonly name: string;
  /** What is missing, in words that follow "missing: "; undefined when all is as wanted. */
  readonly check: (signal: AbortSignal) => Promise<string | undefined>;
  /** Makes it so. Repeatable. */
  readonly apply: (signal: AbortSignal) => Promise<void>;
}

export interface StepReport {
  /** Before something is changed. */
  changing(step: string, missing: string): void;
  /** After each step: whether something was changed, and how long it took. */
  done(step: string, hasChanged: boolean, ms: number): void;
}

/** In order, because each stands on those before it. Says whether anything was changed. */
export async function takeSteps(steps: readonly HostStep[], report: StepReport, signal: AbortSignal): Promise<boolean> {
  let hasChanged = false;
  for (const { name, check, apply } of steps) {
    signal.throwIfAborted();
    const started = performance.now();
    const missing = await check(signal);
    if (missing !== undefined) {
      report.changing(name, missing);
      await apply(signal);
      hasChanged = true;
    }
    report.done(name, missing !== undefined, performance.now() - started);
  }
  return hasChanged;
}
