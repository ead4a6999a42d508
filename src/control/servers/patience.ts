/** An engine that is away for a while (restarted, upgraded) is waited for by work that has promised to finish. */
import { Fault } from '../../base/fault.ts';
import type { OperationContext } from '../operation-runner.ts';

/** Between tries while the engine is away. */
const pauseMs = 1000;

/** Runs `work` again for as long as it throws `engine-unavailable`. Ends early with the signal's reason. */
export async function patiently<T>(context: OperationContext, work: () => Promise<T>): Promise<T> {
  for (;;) {
    context.signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'engine-unavailable' || context.signal.aborted) throw error;
      await context.progress('waiting for the engine to answer again', 0);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}
