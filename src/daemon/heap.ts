/** What V8 is told about the heaps of our two daemons. */
import { setFlagsFromString } from 'node:v8';

/**
 * Control runs for months beside the servers, so its heap is collected before it has grown, not when the machine's memory would be worth having: V8's own
 * measure let control with a thousand servers, of which 23 MB are in use, grow past 190 MB over a thousand lists. Half of it is in `packaging/myserver`
 * (--max-semi-space-size, which V8 reads only at its start); one half without the other makes it worse (docs/bench.md).
 * At a start with a flag that it does not know Node ends; here a later V8 without it only goes on as usual.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--heap-growing-percent=30');
}

/**
 * A stream through the gateway leaves buffers behind, twice and more the bytes that it carries. V8 holds what is outside its heap to a bound of its own,
 * 64 MB, and past it marks everything that lives, on all of its threads: half of a worker's CPU. Counted with the heap, and the heap's bound set at five
 * times of what lives, collections of young objects free nearly all of them first (docs/bench.md). One flag without the other does not do it reliably.
 */
export function letBuffersPass(): void {
  setFlagsFromString('--external-memory-accounted-in-global-limit');
  setFlagsFromString('--heap-growing-percent=400');
}
