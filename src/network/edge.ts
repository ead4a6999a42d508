/**
 * The web's front as one interface, as the firewall has one: the caller states the whole wanted world, as often as it likes, and the implementation makes it
 * so. What is not stated is not reached.
 */
import type { WebState } from '../core/web-route.ts';

export interface Edge {
  /** Serves exactly `state`. Throws `edge-failed`; then what was served before still is, less what `state` takes away wherever that can be done. */
  set(state: WebState, signal?: AbortSignal): Promise<void>;
  /** Whether it serves what `set` of any process last stated for `state`: false when something was changed behind our back, or it is not there. */
  matches(state: WebState, signal?: AbortSignal): Promise<boolean>;
}
