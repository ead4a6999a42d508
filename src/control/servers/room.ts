/** A pool that is full only because it has not yet freed what was dropped a moment ago is waited for, once. */
import { Fault } from '../../base/fault.ts';
import type { Engine } from '../../engines/engine.ts';
import type { OperationContext } from '../operation-runner.ts';
import { patiently } from './patience.ts';

/** Runs `work`, and once more after the pool was given time when it throws `pool-full`. It must bear being run again from its beginning. */
export async function withRoom(engine: Engine, context: OperationContext, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'pool-full' || context.signal.aborted) throw error;
    await context.progress('waiting for the pool to give back freed space', 0.1);
    await patiently(context, async () => await engine.reclaim(context.signal));
    await work();
  }
}
