/** What an instance uses now, of `GET /1.0/instances/NAME/state`. */
import type { Usage } from '../engine.ts';
import type { IncusClient } from './incus-client.ts';
import { pathOf } from './incus-lookup.ts';

export interface IncusState {
  readonly status: string;
  readonly cpu: { readonly usage: number };
  readonly memory: { readonly usage: number };
  readonly processes: number;
  readonly disk: Readonly<Record<string, { readonly usage: number }>> | null;
  readonly network: Readonly<
    Record<string, { readonly counters: { readonly bytes_received: number; readonly bytes_sent: number } }>
  > | null;
}

export async function stateNow(client: IncusClient, name: string, signal?: AbortSignal): Promise<IncusState> {
  return await client.ask<IncusState>({ method: 'GET', path: pathOf(name, '/state'), deed: `look at the state of ${name}`, signal });
}

/** The disk's bytes are those that it shares with no other: the image's are not among them while the image is there. */
export function usageOf(state: IncusState): Usage {
  const counters = state.network?.['eth0']?.counters;
  return {
    memoryBytes: Math.max(0, state.memory.usage),
    diskBytes: state.disk?.['root']?.usage,
    cpuSeconds: Math.max(0, state.cpu.usage) / 1e9,
    processes: Math.max(0, state.processes),
    receivedBytes: counters?.bytes_received ?? 0,
    sentBytes: counters?.bytes_sent ?? 0,
  };
}
