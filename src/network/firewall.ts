/**
 * The host's packet rules as one interface: the caller states the whole wanted world, as often as it likes, and the implementation makes it so in one
 * transaction or not at all. There is no add and no remove.
 */
import type { Ruleset } from '../core/ruleset.ts';

export interface Firewall {
  /**
   * Makes the kernel hold exactly `ruleset` in our own tables, and the bridge learn from no frame that passes them by; other tables are left alone. Throws
   * `firewall-failed`; then the old rules still stand.
   */
  set(ruleset: Ruleset, signal?: AbortSignal): Promise<void>;
  /** Whether the kernel holds what the last `set` of any process stated for `ruleset`: false when a rule or element was deleted or added by hand. */
  matches(ruleset: Ruleset, signal?: AbortSignal): Promise<boolean>;
  /** Whether the kernel holds any rules of ours at all: after a reboot it does not, until the first `set`. */
  stands(signal?: AbortSignal): Promise<boolean>;
  /** Forgets live connections to a private address, or to one port there, so that a drop or a lost right cuts them at once. */
  cut(address: string, privatePort?: number, signal?: AbortSignal): Promise<void>;
  /** Takes our table away (uninstall). */
  clear(signal?: AbortSignal): Promise<void>;
}
