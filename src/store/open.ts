import type { Clock } from '../base/clock.ts';
import { fault } from '../core/errors.ts';
import type { Log } from '../base/log.ts';
import type { Store } from './store.ts';

export interface OpenStoreOptions {
  /** The database's file; its directory is made (0700) when it is not there. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Opens the store, making or migrating it as needed. Throws `busy` when another process has it open, `cannot-here` when a newer program made it,
 * `store-failed` when the file is no store of ours or is damaged.
 */
export async function openStore(options: OpenStoreOptions): Promise<Store> {
  throw fault('cannot-here', `the store ${options.path} cannot be opened yet`);
}
