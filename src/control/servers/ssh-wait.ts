/** Waiting for a server that was just started until it lets somebody in. */
import type { ServerRecord } from '../../store/servers.ts';
import type { OperationContext } from '../operation-runner.ts';
import type { ServerParts } from './settings.ts';

const wishLookMs = 500;

/** Most people log in the moment the prompt comes back, so it comes back when SSH answers. An image without SSH is not a failure. */
export async function waitForSsh(
  { store, hands, plan, settings, clock }: ServerParts,
  context: OperationContext,
  record: ServerRecord,
): Promise<void> {
  await context.progress('waiting for SSH to answer', 0.85);
  const until = clock.now() + settings.sshWaitMs;
  let lookMs = clock.now() + wishLookMs;
  while (clock.now() < until && !context.signal.aborted) {
    if (clock.now() >= lookMs) {
      // Whoever wants it stopped or dropped by now waits in the lane behind this.
      if ((await store.servers.byGeneration(record.generation))?.wanted !== 'running') return;
      lookMs = clock.now() + wishLookMs;
    }
    if (await hands.answersSsh(plan.addressOf(record.id), context.signal)) return;
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}
