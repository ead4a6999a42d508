/** The life of a daemon: services start in order, stop in the opposite one, and a signal means an orderly end. */
import { messageOf } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import type { Service } from '../base/service.ts';

/** Beyond this an orderly end has failed, and a crash is what everything is made to bear. */
const longestEndMs = 10_000;

export interface LifecycleOptions {
  /** Asked when the end begins. */
  readonly longestEndMs?: () => number;
}

/** Resolves when a signal has come and all services have ended. Throws when one does not start; those started before are stopped. */
export async function runServices(services: readonly Service[], log: Log, options: LifecycleOptions = {}): Promise<void> {
  const started: Service[] = [];
  const signalled = nextSignal();
  try {
    for (const service of services) {
      await service.start();
      started.push(service);
    }
    log.info({}, 'ready');
    log.info({ signal: await signalled }, 'ending');
    setTimeout(() => {
      log.error({}, 'the end took too long; ending at once');
      process.exit(1);
    }, options.longestEndMs?.() ?? longestEndMs).unref();
  } finally {
    for (const service of started.toReversed()) {
      await service
        .stop()
        .catch((error: unknown) => log.error({ service: service.name, error: messageOf(error) }, 'a service did not stop well'));
    }
  }
}

async function nextSignal(): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.once(signal, resolve);
  return await promise;
}
