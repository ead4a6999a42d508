/**
 * Control runs for months beside the servers, so its heap is collected before it has grown, not when the machine's memory would be worth having: V8's own
 * measure let control with a thousand servers, of which 23 MB are in use, grow past 190 MB over a thousand lists. Half of it is in `packaging/myserver`
 * (--max-semi-space-size, which V8 reads only at its start); one half without the other makes it worse (docs/bench.md).
 */
import { setFlagsFromString } from 'node:v8';

/** At a start with a flag that it does not know Node ends; here a later V8 without it only goes on as usual. */
export function keepHeapSmall(): void {
  setFlagsFromString('--heap-growing-percent=30');
}
