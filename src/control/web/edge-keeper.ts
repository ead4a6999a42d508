/** Keeps an edge that control drives in step with the state of the web: at each change, and again when a look shows that it is not. */
import { setTimeout as sleep } from 'node:timers/promises';
import { coalesced } from '../../base/coalesced.ts';
import { messageOf } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import type { Service } from '../../base/service.ts';
import type { Edge } from '../../network/edge.ts';
import type { WebRoutes } from './web-routes.ts';

export interface EdgeKeeperOptions {
  readonly web: WebRoutes;
  readonly edge: Edge;
  readonly log: Log;
  /** Between looks; 10 s where nothing is said. */
  readonly lookEveryMs?: number;
}

export interface EdgeKeeper extends Service {
  /** Why it is not in step; undefined: it is, as of the last look. */
  trouble(): string | undefined;
}

export function makeEdgeKeeper({ web, edge, log, lookEveryMs = 10_000 }: EdgeKeeperOptions): EdgeKeeper {
  const stopping = new AbortController();
  const { signal } = stopping;
  let loop: Promise<void> | undefined;
  let trouble: string | undefined;

  async function setNow(): Promise<void> {
    try {
      await edge.set(web.state());
      if (trouble !== undefined) log.info({}, 'the edge is in step again');
      trouble = undefined;
    } catch (error) {
      if (trouble === undefined)
        log.error({ error: messageOf(error) }, 'the edge could not be brought in step: it is tried again and again');
      trouble = messageOf(error);
    }
  }
  const setting = coalesced(setNow);

  async function look(): Promise<void> {
    if (setting.isWaiting() || (await edge.matches(web.state()).catch(() => false))) return;
    if (trouble === undefined) log.warn({}, 'the edge differs from what it was told; it is told again');
    await setting.run();
  }

  async function forever(): Promise<void> {
    while (!signal.aborted) {
      await sleep(lookEveryMs, undefined, { signal, ref: false }).catch(() => {});
      if (!signal.aborted) await look();
    }
  }

  return {
    name: 'edge keeper',
    trouble: () => trouble,
    async start() {
      web.onChange(setting.run);
      await setting.run();
      loop = forever();
    },
    async stop() {
      stopping.abort();
      await loop;
    },
  };
}
