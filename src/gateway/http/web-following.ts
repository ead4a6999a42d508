/** Keeps the edge in step with control: asks for the state of the web, and again as soon as it is another. While control is away, what is served goes on. */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import type { Service } from '../../base/service.ts';
import { parseGeneration, parseServerId } from '../../core/ids.ts';
import type { Edge } from '../../network/edge.ts';
import type { ControlLink } from '../control-link.ts';

export interface WebFollowingOptions {
  readonly link: Pick<ControlLink, 'call'>;
  readonly edge: Edge;
  readonly log: Log;
}

const retryMs = 1000;

export function makeWebFollowing({ link, edge, log }: WebFollowingOptions): Service {
  const stopping = new AbortController();
  const { signal } = stopping;
  let seen = 0;
  let loop: Promise<void> | undefined;

  async function follow(): Promise<void> {
    const { number, state } = await link.call('webState', { query: { after: seen } }, { signal });
    if (state !== null) {
      const routes = state.routes.map((route) => ({
        ...route,
        id: parseServerId(route.id),
        generation: parseGeneration(route.generation),
      }));
      const readers = state.readers.map(({ generation, subjects }) => ({ generation: parseGeneration(generation), subjects }));
      const domains = state.domains.map((domain) => ({ ...domain, generation: parseGeneration(domain.generation) }));
      await edge.set({ ...state, routes, domains, readers, authority: state.authority ?? undefined });
    }
    seen = number;
  }

  async function forever(): Promise<void> {
    for (let isTold = false; !signal.aborted;) {
      try {
        await follow();
        isTold = false;
      } catch (error) {
        if (signal.aborted) return;
        if (!isTold) log.warn({ error: messageOf(error) }, 'the state of the web: control does not answer');
        isTold = true;
        await sleep(retryMs, undefined, { signal }).catch(() => {});
      }
    }
  }

  return {
    name: 'web following',
    start() {
      loop = forever();
      return Promise.resolve();
    },
    async stop() {
      stopping.abort();
      await loop;
    },
  };
}
