/** What an instance uses now, of `GET /1.0/instances/NAME/state`. */
import type { Usage } from '../engine.ts';
import type { IncusClient } from './incus-client.ts';

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
  const path = `/1.0/instances/${encodeURIComponent(name)}/state`;
  return await client.ask<IncusState>({ method: 'GET', path, deed: `look at the state of ${name}`, signal });
}

/** Bytes on the disk, image included. Undefined where the pool cannot count. */
export async function diskBytesOf(client: IncusClient, name: string, signal?: AbortSignal): Promise<number | undefined> {
  return (await stateNow(client, name, signal)).disk?.['root']?.usage;
}

/** `baseBytes` of the disk are the image's and are not counted. */
export function usageOf(state: IncusState, baseBytes: number): Usage {
  const disk = state.disk?.['root']?.usage;
  const counters = state.network?.['eth0']?.counters;
  return {
    memoryBytes: Math.max(0, state.memory.usage),
    diskBytes: disk === undefined ? undefined : Math.max(0, disk - baseBytes),
    cpuSeconds: Math.max(0, state.cpu.usage) / 1e9,
    processes: Math.max(0, state.processes),
    receivedBytes: counters?.bytes_received ?? 0,
    sentBytes: counters?.bytes_sent ?? 0,
  };
}
