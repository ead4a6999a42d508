/**
 * Bounds for what reaches into a server. Files and programs there belong to whoever is root inside: a named pipe in the place of /etc/passwd, or a program
 * that never ends, must not hold whoever asked.
 */
import { fault } from '../../core/errors.ts';
import type { ServerSettings } from './settings.ts';

/** Gives `work` a signal that fires when the time is over, and then does not wait for it any longer. `complaint` is what is told: a sentence with the time. */
export async function withinReason<T>(
  { insideMs }: Pick<ServerSettings, 'insideMs'>,
  complaint: (time: string) => string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ending = new AbortController();
  const late = Promise.withResolvers<never>();
  // Not only by the signal: what was begun inside and lives on may keep the engine from saying that it ended.
  const timer = setTimeout(() => {
    late.reject(fault('engine-failed', complaint(`${insideMs / 1000} s`)));
    ending.abort();
  }, insideMs);
  try {
    return await Promise.race([work(ending.signal), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
